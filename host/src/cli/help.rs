//! What stands below the flags in `--help`. Called by `args`.

use crate::limits::Limits;

/// What `atoll test` adds to its flags.
pub(super) const TEST: &str = "\
Each file runs in an instance of its own, with the permissions and limits of the flags, which are those of `atoll run \
--help`. Below a folder symbolic links, hidden folders, node_modules and target are passed over.

  describe(\"a group\", function()
      test(\"a test\", function()
          expect(1 + 1).toBe(2)
      end)
  end)

Exit codes: 0 all tests passed, 1 one failed (also where a limit ended a file), 2 bad usage, or no tests,
130 Ctrl-C, 143 SIGTERM.

Examples:
  atoll test
  atoll test tests --allow-listen=localhost --reporter junit --output report.xml";

/// What `atoll run` adds to its flags.
pub(super) fn run() -> String {
    format!(
        "{RULE}\n\nLimits and their defaults (sizes as 64k, 256m, 1g; times in seconds):\n{}\n\
         Examples:\n  \
         atoll run hello.luau --allow-listen=localhost:8080 --watch\n  \
         atoll run hello.luau --allow-listen --workers auto\n  \
         atoll run hello.luau --allow-listen --isolate request\n  \
         atoll run fetch.luau --allow-net=api.example.com:80 -- http://api.example.com/",
        Limits::help()
    )
}

/// What `atoll repl` adds to its flags.
pub(super) fn repl() -> String {
    format!(
        "An expression's values are shown, and what waits (`net.request`, `task.wait`) is waited for. Lines that are no \
         whole chunk go on in the next one. Each chunk has its own locals; globals stay. An error ends its chunk and \
         nothing else, Ctrl-C stops what runs or gives up what was typed, Ctrl-D ends. Servers and tasks run on between \
         the lines. Where standard input is no terminal, its lines are run, without prompts. The limits are those of \
         `atoll run --help`; waiting for a line counts towards none.\n\n\
         What was typed is kept in $XDG_STATE_HOME/atoll/history (~/.local/state/atoll/history).\n\n\
         {RULE}\n\n\
         Examples:\n  \
         atoll repl --allow-net=api.example.com\n  \
         echo '1 + 1' | atoll repl"
    )
}

/// How a rule is written.
const RULE: &str = "RULE = [scheme://]host[:port[-port]]\n\
                    host = name | *.name | IPv4 | [IPv6] | CIDR | localhost | public | private | *";
