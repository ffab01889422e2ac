import { isIP } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError, fail } from '@atelier/sdk';
import { DeviceChoice } from '@atelier/sdk/contracts';

/** Who may come in, when the server can be reached from elsewhere. */
export interface Credentials {
  user?: { name: string; password: string };
  tokens: readonly string[];
}

/** How this program was started. All paths are absolute. */
export interface Options {
  /** The address that is listened on. */
  host: string;
  port: number;
  /** Other names by which the server may be called, beside loopback names and addresses. */
  allowedHosts: string[];
  credentials: Credentials;
  dataDir: string;
  outputsDir: string;
  modelsDirs: string[];
  /** Files like ComfyUI's `extra_model_paths.yaml`, beside those that lie with the models. */
  extraModelPaths: string[];
  extensionsDirs: { builtin: string; user: string };
  /** The built page. */
  pageDir: string;
  /** Built-in extensions only. */
  safe: boolean;
  /** Extensions are loaded anew when their files change. */
  watchExtensions: boolean;
  /** Where models run. */
  device: DeviceChoice;
  /** Of ONNX Runtime; it chooses when this is absent. */
  threads?: number;
  openBrowser: boolean;
}

export type Command = 'serve' | 'engine' | 'device' | 'generate' | 'doctor' | 'help';

export interface CommandLine {
  command: Command;
  options: Options;
  /** What `generate` and `doctor` understand themselves. */
  rest: string[];
}

/** A flag or word that means nothing, or a value that is not one. */
export class ArgumentInvalid extends AppError {
  readonly code = 'argument-invalid';
  constructor(message: string) {
    super(message, `Known flags: ${flags.map(({ name }) => `--${name}`).join(', ')}. "npm start -- --help" explains them.`);
  }
}

/** Everyone on the network could use the server. */
export class CredentialsMissing extends AppError {
  readonly code = 'credentials-missing';
  override readonly kind = 'forbidden';
  constructor(host: string) {
    super(
      `Listening on ${host} would let everyone who can reach this machine use it.`,
      'Add --auth user:password or --token with a long random word, or leave out --listen.',
    );
  }
}

/** `--device` names no provider. */
export class DeviceUnknown extends AppError {
  readonly code = 'argument-invalid';
  constructor(name: string) {
    super(
      `--device ${name}: there is no such device.`,
      `It is one of ${DeviceChoice.options.join(', ')}. "npm run doctor" says which work here.`,
    );
  }
}

interface Flag {
  name: string;
  /** How the value is called in the help; none for a switch. */
  value?: string;
  help: string;
  /** The value may be left out. */
  isOptional?: boolean;
  set(options: Options, value: string): void;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const commands = ['serve', 'engine', 'device', 'generate', 'doctor'] as const;
/** They have arguments of their own. */
const commandsWithRest: readonly Command[] = ['generate', 'doctor'];

const flags: readonly Flag[] = [
  {
    name: 'port',
    value: 'number',
    help: 'Port of the page and the API (7860; 0 takes a free one).',
    set: (o, v) => (o.port = wholeNumber('port', v, 0, 65535)),
  },
  {
    name: 'listen',
    value: 'address',
    isOptional: true,
    help: 'Be reachable from other machines (on all addresses, or the one given). Needs --auth or --token.',
    set: (o, v) => (o.host = v === '' ? '0.0.0.0' : v),
  },
  {
    name: 'allow-host',
    value: 'name',
    help: 'A further name people call this server by, e.g. behind a proxy. May be given several times.',
    set: (o, v) => o.allowedHosts.push(v.toLowerCase()),
  },
  {
    name: 'auth',
    value: 'user:password',
    help: 'Ask everyone for this name and password.',
    set: (o, v) => (o.credentials = { ...o.credentials, user: userOf(v) }),
  },
  {
    name: 'token',
    value: 'word',
    help: 'Let in who sends this word as bearer token or as password. May be given several times.',
    set: (o, v) => (o.credentials = { ...o.credentials, tokens: [...o.credentials.tokens, v] }),
  },
  { name: 'data-dir', value: 'folder', help: 'Jobs, settings and caches (data/).', set: (o, v) => (o.dataDir = path.resolve(v)) },
  { name: 'outputs-dir', value: 'folder', help: 'Finished pictures (outputs/).', set: (o, v) => (o.outputsDir = path.resolve(v)) },
  {
    name: 'models-dir',
    value: 'folder',
    help: 'Weights, instead of models/: also those of A1111, Forge or ComfyUI. May be given several times; the first wins.',
    set: (o, v) => o.modelsDirs.push(path.resolve(v)),
  },
  {
    name: 'extra-model-paths',
    value: 'file',
    help: "A file that names further folders of weights, as ComfyUI's extra_model_paths.yaml does. May be given several times.",
    set: (o, v) => o.extraModelPaths.push(path.resolve(v)),
  },
  {
    name: 'extensions-dir',
    value: 'folder',
    help: 'Your own extensions (extensions/).',
    set: (o, v) => (o.extensionsDirs = { ...o.extensionsDirs, user: path.resolve(v) }),
  },
  {
    name: 'device',
    value: 'name',
    help: `Where models run: ${DeviceChoice.options.join(', ')}.`,
    set: (o, v) => (o.device = DeviceChoice.options.find((choice) => choice === v) ?? fail(new DeviceUnknown(v))),
  },
  {
    name: 'threads',
    value: 'number',
    help: 'Processor threads for the model.',
    set: (o, v) => (o.threads = wholeNumber('threads', v, 1, 1024)),
  },
  { name: 'safe', help: 'Start with built-in extensions only.', set: (o) => (o.safe = true) },
  {
    name: 'watch-extensions',
    help: 'Load extensions anew when their files change (npm run dev does).',
    set: (o) => (o.watchExtensions = true),
  },
  { name: 'no-browser', help: 'Do not open the page.', set: (o) => (o.openBrowser = false) },
];

/**
 * Understands what stands after `main.js`. The first word may be a command; `serve` when there is none.
 * `generate` and `doctor` keep what they do not share with the others in `rest`.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const named = commands.find((command) => command === argv[0]);
  const command = named ?? 'serve';
  const hasRest = commandsWithRest.includes(command);
  const args = argv.slice(named ? 1 : 0);
  const options = defaultOptions();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const [, name, inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(args[at]) ?? [];
    const flag = flags.find((candidate) => candidate.name === name);
    if (name === 'help' && !hasRest) return { command: 'help', options, rest };
    if (!flag) {
      if (!hasRest) throw new ArgumentInvalid(`"${args[at]}" is neither a flag nor a command.`);
      rest.push(args[at]);
      continue;
    }
    if (flag.value === undefined && inline !== undefined) throw new ArgumentInvalid(`--${name} takes no value.`);
    const following = args.at(at + 1);
    const takesFollowing =
      flag.value !== undefined &&
      inline === undefined &&
      (flag.isOptional ? isIP(following ?? '') !== 0 || following === 'localhost' : true);
    if (takesFollowing) at++;
    const value = inline ?? (takesFollowing ? following : '');
    if (value === undefined || (value === '' && flag.value && !flag.isOptional))
      throw new ArgumentInvalid(`--${name} needs a value: ${flag.value}.`);
    flag.set(options, value);
  }
  if (options.modelsDirs.length === 0) options.modelsDirs = [path.join(root, 'models')];
  if (command === 'serve' && !isLoopback(options.host) && !needsCredentials(options)) throw new CredentialsMissing(options.host);
  return { command, options, rest };
}

/** Whether only this machine can reach that address or name. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether callers must say who they are. */
export function needsCredentials({ credentials }: Options): boolean {
  return credentials.user !== undefined || credentials.tokens.length > 0;
}

/** The arguments with which an engine or a device gets the same folders. Secrets and addresses stay with the server. */
export function argumentsFor(command: 'engine' | 'device', options: Options): string[] {
  return [
    command,
    `--data-dir=${options.dataDir}`,
    `--outputs-dir=${options.outputsDir}`,
    ...options.modelsDirs.map((folder) => `--models-dir=${folder}`),
    ...options.extraModelPaths.map((file) => `--extra-model-paths=${file}`),
    `--extensions-dir=${options.extensionsDirs.user}`,
    `--device=${options.device}`,
    ...(options.threads === undefined ? [] : [`--threads=${options.threads}`]),
    ...(options.safe ? ['--safe'] : []),
    ...(options.watchExtensions ? ['--watch-extensions'] : []),
  ];
}

/** What `--help` prints. */
export function usage(): string {
  const described = [...flags, { name: 'help', help: 'Show this.', value: undefined, isOptional: false }].map(
    ({ name, value, isOptional, help }) => {
      const shown = value === undefined ? '' : isOptional ? ` [${value}]` : ` <${value}>`;
      return `  ${`--${name}${shown}`.padEnd(26)} ${help}`;
    },
  );
  return ['Usage: npm start -- [flags]', '       npm run generate -- "a prompt" [flags]', '', ...described].join('\n');
}

function defaultOptions(): Options {
  return {
    host: '127.0.0.1',
    port: 7860,
    allowedHosts: [],
    credentials: { tokens: [] },
    dataDir: path.join(root, 'data'),
    outputsDir: path.join(root, 'outputs'),
    modelsDirs: [],
    extraModelPaths: [],
    extensionsDirs: { builtin: path.join(root, 'extensions-builtin'), user: path.join(root, 'extensions') },
    pageDir: path.join(root, 'frontend', 'dist'),
    device: 'auto',
    safe: false,
    watchExtensions: false,
    openBrowser: true,
  };
}

function wholeNumber(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw new ArgumentInvalid(`--${name} is a whole number from ${least} to ${most}, not "${value}".`);
  }
  return number;
}

function userOf(value: string): Credentials['user'] {
  const colon = value.indexOf(':');
  if (colon < 1 || colon === value.length - 1) throw new ArgumentInvalid('--auth is a name and a password with a colon between them.');
  return { name: value.slice(0, colon), password: value.slice(colon + 1) };
}
