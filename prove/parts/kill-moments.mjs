// When a process is killed. Each moment counts from the start of its process, and watches the server, the journal file
// or the clock until it has come.
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** The moments of one run, chosen by its dice. */
export function momentsOf({ whole, pick }, kills) {
  const kinds = [
    () => onRequest(whole(1, 7)),
    () => onBytes(whole(1, 6), whole(1, 1_400)),
    () => onStop(whole(1, 6), pick([0, 0, 1, 2, 3, 5, 8])),
    () => onStop(whole(1, 6), 0),
    () => onRow(whole(1, 30)),
    () => onRow(whole(1, 30)),
    () => afterMs(whole(20, 1_400)),
  ];
  return Array.from({ length: kills }, () => pick(kinds)());
}

/** After the k-th request arrived at the server. */
function onRequest(k) {
  return byServer("request arrived", (kill) => {
    let seen = 0;
    return ({ kind }) => {
      if (kind === "arrived" && ++seen === k) kill();
    };
  });
}

/** After so many bytes of the k-th answer were sent. */
function onBytes(k, bytes) {
  return byServer("part of an answer sent", (kill) => {
    const begun = new Set();
    return (moment) => {
      if (moment.kind !== "sent") return;
      begun.add(moment.n);
      if (begun.size >= k && moment.bytes >= bytes && !moment.isLast) kill();
    };
  });
}

/** After message_stop of the k-th answer was sent, and a little later. */
function onStop(k, laterMs) {
  return byServer("message_stop sent", (kill) => {
    let seen = 0;
    return (moment) => {
      if (moment.kind !== "sent" || !moment.isLast || ++seen !== k) return;
      if (laterMs === 0) kill();
      else setTimeout(() => kill(), laterMs);
    };
  });
}

/** After the k-th row that the process committed. */
function onRow(k) {
  return {
    name: "journal row committed",
    watch({ file }, kill) {
      let database;
      let before;
      const look = () => {
        if (!database && existsSync(file)) database = opened(file);
        const rows = database ? countRows(database) : 0;
        // A process begins after the rows of those before it.
        before ??= rows;
        if (rows >= before + k) kill();
      };
      look();
      const timer = setInterval(look, 1);
      const close = () => {
        clearInterval(timer);
        if (database?.isOpen) database.close();
        database = undefined;
      };
      return { close };
    },
  };
}

/** After so many milliseconds. */
function afterMs(ms) {
  return {
    name: "some time passed",
    watch(_scene, kill) {
      const timer = setTimeout(() => kill(), ms);
      return { close: () => clearTimeout(timer) };
    },
  };
}

function byServer(name, listen) {
  return { name, watch: (_scene, kill) => ({ heard: listen(kill), close: () => {} }) };
}

function opened(file) {
  try {
    return new DatabaseSync(file, { readOnly: true, timeout: 0 });
  } catch {
    return undefined;
  }
}

/** 0 while the tables are not there yet, or the file is locked. */
function countRows(database) {
  try {
    return Number(database.prepare("SELECT count(*) AS n FROM host_rows").get()?.n ?? 0);
  } catch {
    return 0;
  }
}
