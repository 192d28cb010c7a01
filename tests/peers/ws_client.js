// The client of Node's library `ws`, against scripts/server.luau:
//
//     node ws_client.js CHECK URL [CA]
//
// Prints what it saw, for tests/peers/ws.rs to compare.
'use strict';

const { readFileSync } = require('node:fs');
const { once } = require('node:events');
const { WebSocket } = require('ws');

const [check, url, ca] = process.argv.slice(2);
const MEBIBYTE = 2 ** 20;

// The library offers permessage-deflate unless told otherwise, as browsers do.
async function open(path = '/', protocols = []) {
  const socket = new WebSocket(url + path, protocols, ca ? { ca: readFileSync(ca) } : {});
  socket.messages = [];
  socket.on('message', (data, isBinary) => socket.messages.push([data, isBinary]));
  socket.closed = once(socket, 'close').then(([code, reason]) => [code, JSON.stringify(reason.toString())]);
  await once(socket, 'open');
  return socket;
}

async function receive(socket) {
  while (socket.messages.length === 0) {
    await once(socket, 'message');
  }
  return socket.messages.shift();
}

const checks = {
  async echo() {
    const socket = await open();
    const messages = ['hello', '', 'a\0b', 'Grüße, 世界 🌍', Buffer.from([0, 255, 254]), Buffer.alloc(0)];
    messages.push('x'.repeat(MEBIBYTE), Buffer.alloc(MEBIBYTE, 1));
    for (const message of messages) {
      socket.send(message);
      const [reply, isBinary] = await receive(socket);
      console.log(isBinary, reply.length, reply.equals(Buffer.from(message)));
    }
    socket.close();
    await socket.closed;
  },

  async fragments() {
    const socket = await open();
    socket.send('frag', { fin: false });
    socket.ping('between');
    socket.send('mented', { fin: true });
    const [pong] = await once(socket, 'pong');
    const [message] = await receive(socket);
    console.log(pong.toString(), message.toString());
    socket.close();
    await socket.closed;
  },

  async pings() {
    const socket = await open();
    for (const data of ['', 'payload', Buffer.alloc(125, 255)]) {
      socket.ping(data);
      const [pong] = await once(socket, 'pong');
      console.log(pong.equals(Buffer.from(data)));
    }
    socket.close();
    await socket.closed;
  },

  async too_large() {
    const socket = await open();
    socket.send(Buffer.alloc(MEBIBYTE + 1));
    console.log((await socket.closed)[0]);
  },

  async protocols() {
    for (const offered of [['other', 'chat.v1'], []]) {
      const socket = await open('/', offered);
      console.log(JSON.stringify(socket.protocol), JSON.stringify(socket.extensions));
      socket.close();
      await socket.closed;
    }
  },

  async close() {
    for (const words of [[], [1000], [4002, 'so long']]) {
      const socket = await open();
      socket.close(...words);
      console.log((await socket.closed)[0]);
    }
  },

  async server_close() {
    for (const command of ['!close', '!close 4001 bye for now', '!stop']) {
      const socket = await open();
      socket.send(command);
      console.log(...(await socket.closed));
    }
  },

  async terminate() {
    const socket = await open();
    socket.send('here');
    await receive(socket);
    socket.terminate();
    await socket.closed;
  },

  async refused() {
    const socket = new WebSocket(`${url}/refused`, ca ? { ca: readFileSync(ca) } : {});
    const [, response] = await once(socket, 'unexpected-response');
    console.log(response.statusCode);
    response.destroy();
  },

  async crowd() {
    const members = Array.from({ length: 50 }, async (_, number) => {
      const socket = await open();
      for (let turn = 0; turn < 5; turn += 1) {
        socket.send(`${number} ${turn}`);
        if ((await receive(socket))[0].toString() !== `${number} ${turn}`) {
          throw new Error('mixed up');
        }
      }
      socket.close();
      return (await socket.closed)[0];
    });
    const codes = await Promise.all(members);
    console.log(codes.length, ...new Set(codes));
  },
};

checks[check]();
