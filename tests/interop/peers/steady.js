// A server that says what it gets, with Node's `ws`. Its arguments and what it says are those of steady.py.
'use strict';

const { WebSocketServer } = require('ws');

const [port, ...options] = process.argv.slice(2);
const codes = options.includes('--close') ? [Number(options[options.indexOf('--close') + 1])] : [];
const say = (event) => console.log(JSON.stringify(event));

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(port) });
server.on('listening', () => say({ ready: true }));
server.on('connection', (websocket, request) => {
  say({ open: request.headers });
  websocket.on('error', () => {});
  websocket.on('message', (data) => {
    say({ text: data.toString() });
    if (codes.length) websocket.close(codes.pop(), 'bye');
  });
  websocket.on('close', (code, reason) => say({ close: code === 1006 ? null : [code, reason.toString()] }));
  if (options.includes('--freeze')) process.kill(process.pid, 'SIGSTOP');
  websocket.send('greeting');
});
