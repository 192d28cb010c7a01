// The server of Node's library `ws`, for scripts/client.luau to talk to:
//
//     node ws_server.js [CERTIFICATE KEY]
//
// Each path does something else. The end of every connection is printed: its path, code and reason.
'use strict';

const { readFileSync } = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { WebSocketServer } = require('ws');

const [cert, key] = process.argv.slice(2);
const MEBIBYTE = 2 ** 20;

const paths = {
  '/echo': (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  '/wait': () => {},
  '/headers': (socket, request) => {
    for (const name of ['x-custom', 'authorization', 'sec-websocket-version', 'connection', 'host']) {
      socket.send(`${name}: ${request.headers[name]}`);
    }
  },
  '/protocol': (socket, request) => {
    socket.send(`${request.headers['sec-websocket-protocol'] ?? ''} -> ${socket.protocol || 'None'}`);
    socket.close();
  },
  '/fragments': (socket) => {
    socket.send('frag', { fin: false });
    socket.ping('between');
    socket.send('mented', { fin: true });
    socket.close();
  },
  '/pings': (socket) => {
    socket.ping('payload');
    socket.once('pong', (data) => {
      socket.send(data.toString());
      socket.close();
    });
  },
  '/close': (socket) => socket.close(4001, 'bye for now'),
  '/default_close': (socket) => socket.close(1000),
  // Node's library sends no code unless it is given one.
  '/wordless_close': (socket) => socket.close(),
  '/too_large': (socket) => socket.send(Buffer.alloc(MEBIBYTE + 1)),
  // The head of a frame that promises 256 bytes, and four of them.
  '/leave': (socket) => socket._socket.end(Buffer.from([0x81, 0x7e, 1, 0, 0x68, 0x61, 0x6c, 0x66])),
  '/abort': (socket) => {
    socket.send('before');
    socket.on('message', () => socket.terminate());
  },
};

const web = cert
  ? https.createServer({ cert: readFileSync(cert), key: readFileSync(key) })
  : http.createServer();
const sockets = new WebSocketServer({
  server: web,
  perMessageDeflate: true,
  verifyClient: (info, done) => done(info.req.url !== '/refused', 403, 'no entry'),
  handleProtocols: (offered) => ['chat.v2', 'chat.v1'].find((name) => offered.has(name)) ?? false,
});
sockets.on('connection', (socket, request) => {
  // A breach of the protocol ends the connection; `close` tells.
  socket.on('error', () => {});
  socket.on('close', (code, reason) => console.log(request.url, code, JSON.stringify(reason.toString())));
  paths[request.url](socket, request);
});
web.listen(0, '127.0.0.1', () => console.error(`listening on http://127.0.0.1:${web.address().port}`));
