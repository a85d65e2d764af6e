// The official SDK as a neutral client of the fake: node feishu_sdk.mjs SDK_FOLDER URL APP_ID APP_SECRET
// Prints a JSON line per happening; takes a JSON line per call: {"call": "create|reply|patch|raw", "args": …}.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, domain, appId, appSecret] = process.argv.slice(2);
const lark = createRequire(folder + '/')('@larksuiteoapi/node-sdk');
const tell = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const logger = Object.fromEntries(['error', 'warn', 'info', 'debug', 'trace']
  .map((level) => [level, (...text) => tell({ log: level, text: text.flat().map(String).join(' ') })]));
const client = new lark.Client({ appId, appSecret, domain, logger });

const eventDispatcher = new lark.EventDispatcher({ logger }).register({
  'im.message.receive_v1': async (event) => {
    tell({ event: 'message', message_id: event.message.message_id, content: event.message.content,
      open_id: event.sender.sender_id.open_id, mentions: event.message.mentions });
    if (event.message.content.includes('fail')) throw new Error('as asked');
  },
  'card.action.trigger': async (event) => {
    tell({ event: 'click', value: event.action.value, open_id: event.operator.open_id });
    return { toast: { type: 'success', content: '已批准，开始执行' },
      card: { type: 'raw', data: { config: { update_multi: true }, elements: [{ tag: 'markdown', content: '已批准' }] } } };
  },
});

const socket = new lark.WSClient({ appId, appSecret, domain, logger, loggerLevel: lark.LoggerLevel.trace,
  onReady: () => tell({ event: 'ready' }) });
socket.start({ eventDispatcher });

const calls = {
  create: (args) => client.im.message.create(args),
  reply: (args) => client.im.message.reply(args),
  patch: (args) => client.im.message.patch(args),
  raw: (args) => client.request(args),
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { call, args } = JSON.parse(line);
  try {
    tell({ result: await calls[call](args) });
  } catch (failure) {
    tell({ result: failure.response?.data ?? { error: String(failure) }, status: failure.response?.status });
  }
}).on('close', () => process.exit(0));
