// The peer that is Node's `ws`. Jobs, steps and results are those of jobs.py and play.py.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');
const readline = require('readline');
const { WebSocket, WebSocketServer } = require('ws');

const TEXT = Buffer.from(Array.from({ length: 23 }, (_, i) => 97 + i));
const BINARY = Buffer.from(Array.from({ length: 251 }, (_, i) => i));

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const noises = new Map();

/** Bytes of which a compressor can make nothing. */
function noise(size) {
  if (!noises.has(size)) {
    const block = (_, number) => crypto.createHash('sha256').update(String(number)).digest();
    noises.set(size, Buffer.concat(Array.from({ length: Math.floor(size / 32) + 1 }, block)).subarray(0, size));
  }
  return noises.get(size);
}

/** A message of `content` bytes, of noise if it says so, or `content` itself if it is a string. */
function payloadOf(kind, content) {
  if (typeof content === 'string') return Buffer.from(content);
  if (Array.isArray(content)) {
    const bytes = noise(content[1]);
    return kind === 'text' ? Buffer.from(bytes.toString('hex').slice(0, content[1])) : bytes;
  }
  return Buffer.alloc(content, kind === 'text' ? TEXT : BINARY);
}

function cut(payload, sizes) {
  const pieces = sizes.map((size) => {
    const piece = payload.subarray(0, size);
    payload = payload.subarray(size);
    return piece;
  });
  return [...pieces, payload];
}

/** A queue of what comes, one for messages and one for pongs. */
class Queue {
  constructor() {
    this.items = [];
    this.waiting = [];
  }

  push(item) {
    const waiter = this.waiting.shift();
    if (waiter) waiter.resolve(item);
    else this.items.push(item);
  }

  fail(error) {
    this.error = error;
    for (const waiter of this.waiting.splice(0)) waiter.reject(error);
  }

  next() {
    if (this.items.length) return Promise.resolve(this.items.shift());
    if (this.error) return Promise.reject(this.error);
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}

class Connection {
  constructor(websocket) {
    this.websocket = websocket;
    this.messages = new Queue();
    this.pongs = new Queue();
    websocket.on('message', (data, isBinary) => this.messages.push({ kind: isBinary ? 'binary' : 'text', data }));
    websocket.on('pong', (data) => this.pongs.push(data));
    websocket.on('error', (error) => (this.error = error));
    this.end = new Promise((resolve) => {
      websocket.on('close', (code, reason) => {
        const ended = this.error || new Error(`the connection ended with ${code}`);
        this.messages.fail(ended);
        this.pongs.fail(ended);
        resolve(code === 1006 ? null : [code, reason.toString()]);
      });
    });
  }

  async expect(kind, payload) {
    const received = await this.messages.next();
    if (received.kind !== kind || !received.data.equals(payload)) {
      const show = (k, data) => `${k} of ${data.length} bytes ${JSON.stringify(data.toString('latin1', 0, 20))}`;
      throw new Error(`sent ${show(kind, payload)}, received ${show(received.kind, received.data)}`);
    }
  }

  async ping(payload) {
    this.websocket.ping(payload);
    const pong = await this.pongs.next();
    if (!pong.equals(payload)) throw new Error(`pinged ${payload}, received ${pong}`);
  }
}

const steps = {
  async echo(connection, kind, content) {
    const payload = payloadOf(kind, content);
    connection.websocket.send(payload, { binary: kind === 'binary' });
    await connection.expect(kind, payload);
  },

  async plain(connection, kind, content) {
    const payload = payloadOf(kind, content);
    connection.websocket.send(payload, { binary: kind === 'binary', compress: false });
    await connection.expect(kind, payload);
  },

  async fragments(connection, kind, content, sizes, ping = false) {
    const payload = payloadOf(kind, content);
    const pieces = cut(payload, sizes);
    for (const [index, piece] of pieces.entries()) {
      const fin = index === pieces.length - 1;
      connection.websocket.send(piece, { binary: kind === 'binary', fin });
      if (ping && !fin) await connection.ping(Buffer.from('between'));
    }
    await connection.expect(kind, payload);
  },

  async send(connection, kind, content) {
    connection.websocket.send(payloadOf(kind, content), { binary: kind === 'binary' });
  },

  async 'invalid text'(connection, octets) {
    connection.websocket.send(Buffer.from(octets, 'hex'), { binary: false });
  },

  async ping(connection, payload) {
    await connection.ping(Buffer.from(payload));
  },

  async idle(connection, seconds) {
    await sleep(seconds);
    if (connection.messages.items.length) throw new Error('received a message while nothing was to come');
  },

  async write(connection, octets) {
    connection.websocket._socket.write(Buffer.from(octets, 'hex'));
  },

  async close(connection, code, reason) {
    if (code === null) connection.websocket.close();
    else connection.websocket.close(code, reason);
    await connection.end;
  },

  async drop(connection) {
    await sleep(0.1);
    connection.websocket.terminate();
  },

  async 'await close'(connection) {
    await connection.end;
  },
};

/** Plays the steps of the job, the last of which ends the connection. */
async function converse(connection, job, result) {
  try {
    for (const [name, ...details] of job.steps) await steps[name](connection, ...details);
  } catch (error) {
    connection.websocket.terminate();
    throw error;
  }
  result.close = await connection.end;
}

function note(websocket, headers, result) {
  result.headers = headers;
  result.subprotocol = websocket.protocol || null;
  result.compressed = websocket.extensions !== '';
  const deflate = websocket._extensions['permessage-deflate'];
  if (!deflate) return;
  const of = (end) => [!deflate.params[`${end}_no_context_takeover`], deflate.params[`${end}_max_window_bits`] || 15];
  const [own, other] = deflate._isServer ? ['server', 'client'] : ['client', 'server'];
  result.deflate = { send: of(own), receive: of(other) };
  result.inflated = [];
  const decompress = deflate.decompress.bind(deflate);
  let length = 0;
  deflate.decompress = (data, fin, callback) => {
    length += data.length;
    if (fin) result.inflated.push(length);
    if (fin) length = 0;
    decompress(data, fin, callback);
  };
}

/** What a job says of compression, as `ws` wants it said. */
function compressionOf(job) {
  if (typeof job.compression === 'boolean') return job.compression;
  const { compression } = job;
  return {
    // `false` would refuse offers in which it is.
    serverNoContextTakeover: compression.server_no_context_takeover || undefined,
    clientNoContextTakeover: compression.client_no_context_takeover || undefined,
    serverMaxWindowBits: compression.server_max_window_bits,
    clientMaxWindowBits: compression.client_max_window_bits,
    threshold: 0,
  };
}

/** The files that a job names for TLS. */
function tlsOf(job) {
  const tls = job.tls || {};
  const read = (path) => (path === undefined ? undefined : fs.readFileSync(path));
  return { cert: read(tls.certificate), key: read(tls.key), ca: read(tls.authority) };
}

/** Accepts one connection, on a port of loopback that it announces. */
function serve(job, result, announce) {
  return new Promise((resolve, reject) => {
    const listener = job.tls === null ? http.createServer() : https.createServer(tlsOf(job));
    const server = new WebSocketServer({
      server: listener,
      maxPayload: 0,
      perMessageDeflate: compressionOf(job),
      handleProtocols: () => job.subprotocols[0] || false,
      verifyClient: (info, decide) => {
        if (job.reject === null) return decide(true);
        decide(false, job.reject, 'rejected');
        finish(resolve);
      },
    });
    const finish = (settle, value) => {
      server.close();
      listener.close();
      settle(value);
    };
    server.on('error', reject);
    server.on('headers', (headers) => headers.push(...job.headers.map(([name, value]) => `${name}: ${value}`)));
    server.on('connection', (websocket, request) => {
      note(websocket, request.headers, result);
      converse(new Connection(websocket), job, result).then(
        () => finish(resolve),
        (error) => finish(reject, error),
      );
    });
    listener.listen(0, '127.0.0.1', () => announce(listener.address().port));
  });
}

/** Opens one connection, and plays the steps when all have passed the gate. */
function connect(job, result, gate) {
  return new Promise((resolve, reject) => {
    const websocket = new WebSocket(job.url, job.subprotocols, {
      headers: Object.fromEntries(job.headers),
      maxPayload: 0,
      perMessageDeflate: compressionOf(job),
      ...tlsOf(job),
    });
    const connection = new Connection(websocket);
    let headers = {};
    websocket.on('error', reject);
    websocket.on('upgrade', (response) => (headers = response.headers));
    websocket.on('open', () => {
      note(websocket, headers, result);
      gate.enter().then(() => converse(connection, job, result)).then(resolve, reject);
    });
  });
}

/** Lets all through when the last has come. */
class Gate {
  constructor(count) {
    this.missing = count;
    this.opened = new Promise((resolve) => (this.open = resolve));
  }

  enter() {
    this.missing -= 1;
    if (this.missing === 0) this.open();
    return this.opened;
  }
}

const freshResult = () => ({ headers: {}, subprotocol: null, compressed: false, deflate: null, inflated: null, close: null, trouble: null });

/** Every end of a job is a result. */
async function watch(work, job, result) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the peer waited in vain')), job.timeout * 1000);
  });
  try {
    await Promise.race([work, late]);
  } catch (error) {
    result.trouble = result.trouble || error.message;
  } finally {
    clearTimeout(timer);
  }
}

const answer = (job, content) => console.log(JSON.stringify({ id: job.id, ...content }));

async function perform(job) {
  const results = Array.from({ length: job.role === 'server' ? 1 : job.clients }, freshResult);
  const gate = new Gate(results.length);
  const start = (result) =>
    job.role === 'server' ? serve(job, result, (port) => answer(job, { port })) : connect(job, result, gate);
  await Promise.all(results.map((result) => watch(start(result), job, result)));
  answer(job, { result: results.find((result) => result.trouble) || results[0] });
}

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => perform(JSON.parse(line)));
input.on('close', () => process.exit(0));
console.log(JSON.stringify({ ready: true }));
