// Node's ws as a strict reader of what the server sends: node echo.mjs URL COUNT SIZE
// Sends COUNT frames of SIZE bytes that the server answers with ERROR, pings between them, and checks each answer.
import { createRequire } from 'node:module';

const WebSocket = createRequire(process.env.NODE_PATH + '/')('ws');
const [url, count, size] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const socket = new WebSocket(url, { perMessageDeflate: process.argv[5] === 'deflate' });
let answered = 0;
let pongs = 0;

socket.on('open', () => {
  for (let i = 0; i < count; i++) {
    socket.send(JSON.stringify({ type: 'note', target_id: 1, payload: 'ä'.repeat(size / 2), local_id: `n${i}` }));
    socket.ping(`p${i}`);
  }
});
socket.on('pong', (data) => {
  if (data.toString() !== `p${pongs++}`) throw new Error(`pong ${data}`);
});
socket.on('message', (data, binary) => {
  const frame = JSON.parse(data);
  if (binary || frame.type !== 'ERROR' || frame.local_id !== `n${answered}`) throw new Error(data.toString());
  if (++answered === count) setTimeout(() => socket.close(4321, 'done'), 100);
});
socket.on('close', (code) => process.exit(code === 4321 && pongs === count ? 0 : 4));
socket.on('error', (error) => { console.error(error.message); process.exit(5); });
