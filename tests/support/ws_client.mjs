// A client on Node's ws: node ws_client.mjs URL TOKEN HOW FRAME COUNT
// HOW is url, header or protocol: where the token stands. Prints COUNT frames, then closes.
import { createRequire } from 'node:module';

const WebSocket = createRequire(process.env.NODE_PATH + '/')('ws');
const [url, token, how, frame, count] = process.argv.slice(2);
const socket = how === 'url' ? new WebSocket(`${url}?token=${token}&hello=1`)
  : how === 'header' ? new WebSocket(`${url}?hello=1`, { headers: { Authorization: `Bearer ${token}` } })
  : new WebSocket(`${url}?hello=1`, ['bearer', token]);
let left = Number(count);

socket.on('open', () => {
  if (how === 'protocol' && socket.protocol !== 'bearer') throw new Error(`protocol ${socket.protocol}`);
  socket.send(frame);
});
socket.on('message', (data) => {
  console.log(data.toString());
  if (--left === 0) socket.close(1000);
});
socket.on('unexpected-response', (_, answer) => { console.error(answer.statusCode); process.exit(3); });
socket.on('close', (code) => process.exit(left === 0 && code === 1000 ? 0 : 4));
