import type { StoredType } from '@atelier/sdk';
import { CheckpointUnreadable } from '../errors.js';
import { PickleRefused } from './errors.js';

/** What a pickle of tensors is made of. Lists and tuples are arrays, whatever kind of dictionary is a map. */
export type PickledValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly PickledValue[]
  | ReadonlyMap<PickledValue, PickledValue>
  | StorageType
  | Constructor
  | Storage
  | PickledTensor
  | PickledObject;

/** The element type of a row of numbers, as PyTorch names the row: `FloatStorage`. */
class StorageType {
  constructor(readonly type: StoredType) {}
}

/** A name for something that can be made; it is known to this reader, which makes it itself. */
class Constructor {
  constructor(
    readonly name: string,
    readonly make: (args: readonly PickledValue[]) => PickledValue | undefined,
  ) {}
}

/** An object of which only the state is of interest: PyTorch's `ParameterDict`. */
export class PickledObject {
  state: PickledValue = null;
}

/** A row of numbers beside the pickle, by the key under which it lies there. */
export class Storage {
  constructor(
    readonly type: StoredType,
    readonly key: string,
    readonly count: number,
  ) {}
}

/** A view of a storage: element [i, j] is number `offset + i · strides[0] + j · strides[1]`. Within its storage, and not larger than that. */
export class PickledTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** A pickle without the numbers beside it. That of an embedding has some hundred bytes. */
const LARGEST_PICKLE_BYTES = 2 ** 18;
const MOST_AXES = 8;

// prettier-ignore
const storageTypes: Readonly<Record<string, StoredType>> = {
  DoubleStorage: 'F64', FloatStorage: 'F32', HalfStorage: 'F16', BFloat16Storage: 'BF16',
  LongStorage: 'I64', IntStorage: 'I32', ShortStorage: 'I16', CharStorage: 'I8', ByteStorage: 'U8', BoolStorage: 'BOOL',
};

/** All that a pickle may ask for by name. What it does with these is decided here; no code of the file's choosing exists. */
const known = new Map<string, Constructor | StorageType>([
  ...Object.entries(storageTypes).map(([name, type]) => [`torch.${name}`, new StorageType(type)] as const),
  ...[
    new Constructor('collections.OrderedDict', (args) => (args.length === 0 ? new Map() : undefined)),
    new Constructor('torch._utils._rebuild_tensor', rebuiltTensor),
    new Constructor('torch._utils._rebuild_tensor_v2', rebuiltTensor),
    new Constructor('torch._utils._rebuild_parameter', ([data]) => (data instanceof PickledTensor ? data : undefined)),
    new Constructor('torch.nn.modules.container.ParameterDict', (args) => (args.length === 0 ? new PickledObject() : undefined)),
  ].map((constructor) => [constructor.name, constructor] as const),
]);

/**
 * Reads one pickle (Python's `pickletools` describes the format) as data. Operations that build numbers, texts, lists and dictionaries are
 * carried out; of those that call something, only the few constructors that tensors need, by our own hand. Memory and time grow with the
 * pickle's length, which is bounded, and with nothing else.
 *
 * @param start where in `bytes` it begins.
 * @throws PickleRefused | CheckpointUnreadable
 */
export function readPickle(bytes: Buffer, file: string, start = 0): Pickle {
  return new PickleReader(bytes, file, start).read();
}

interface Pickle {
  value: PickledValue;
  /** What it takes from beside it, by key. */
  storages: ReadonlyMap<string, Storage>;
  /** Where it ends. */
  end: number;
}

class PickleReader {
  private stack: PickledValue[] = [];
  /** The stacks below the marks. */
  private readonly marked: PickledValue[][] = [];
  private readonly memo = new Map<number, PickledValue>();
  private readonly storages = new Map<string, Storage>();
  private readonly limit: number;

  constructor(
    private readonly bytes: Buffer,
    private readonly file: string,
    private at: number,
  ) {
    this.limit = at + LARGEST_PICKLE_BYTES;
  }

  read(): Pickle {
    for (;;) {
      const code = String.fromCharCode(this.byte());
      if (code === '.') return { value: this.pop(), storages: this.storages, end: this.at };
      const operation = operations[code] as ((reader: PickleReader) => void) | undefined;
      if (!operation) throw this.refused(`has an operation that tensors do not need (0x${code.charCodeAt(0).toString(16)})`);
      operation(this);
    }
  }

  take(length: number): Buffer {
    if (length > this.bytes.length - this.at) throw this.damaged('its pickle breaks off');
    if (this.at + length > this.limit) throw this.refused('is longer than one that holds an embedding');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  byte = (): number => this.take(1)[0];
  word = (): number => this.take(4).readUInt32LE();
  text = (length: number): string => this.take(length).toString('utf8');

  line(): string {
    const end = this.bytes.indexOf('\n', this.at);
    if (end === -1) throw this.damaged('its pickle breaks off');
    return this.take(end + 1 - this.at)
      .toString('utf8')
      .trimEnd();
  }

  push(value: PickledValue): void {
    this.stack.push(value);
  }

  pop(): PickledValue {
    const value = this.stack.pop();
    if (value === undefined) throw this.damaged('its pickle takes what is not there');
    return value;
  }

  mark(): void {
    this.marked.push(this.stack);
    this.stack = [];
  }

  /** Everything since the last mark. */
  popMark(): PickledValue[] {
    const values = this.stack;
    const below = this.marked.pop();
    if (!below) throw this.damaged('its pickle takes what is not there');
    this.stack = below;
    return values;
  }

  remember(key = this.memo.size): void {
    const value = this.pop();
    this.memo.set(key, value);
    this.push(value);
  }

  recall(key: number): void {
    const value = this.memo.get(key);
    if (value === undefined) throw this.damaged('its pickle takes what is not there');
    this.push(value);
  }

  extend(items: readonly PickledValue[]): void {
    const list = this.pop();
    if (!Array.isArray(list)) throw this.damaged('its pickle adds to what is no list');
    for (const item of items) (list as PickledValue[]).push(item);
    this.push(list);
  }

  setItems(items: readonly PickledValue[]): void {
    const dictionary = this.pop();
    if (!(dictionary instanceof Map) || items.length % 2 !== 0) throw this.damaged('its pickle adds to what is no dictionary');
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
    this.push(dictionary as PickledValue);
  }

  findJoined(): void {
    const [name, module] = [this.pop(), this.pop()];
    if (typeof name !== 'string' || typeof module !== 'string') throw this.damaged('its pickle looks for what is no name');
    this.find(`${module}.${name}`);
  }

  find(name: string): void {
    this.push(known.get(name) ?? this.fail(`asks for ${JSON.stringify(name.slice(0, 100))}, which no tensor needs`));
  }

  call(): void {
    const args = this.pop();
    const constructor = this.pop();
    if (!(constructor instanceof Constructor) || !Array.isArray(args)) throw this.refused('calls what cannot be called');
    const made = constructor.make(args as readonly PickledValue[]);
    this.push(made ?? this.fail(`calls ${constructor.name} with what does not suit it`));
  }

  /** The state of an object. A dictionary's attributes say nothing of what is in it. */
  build(): void {
    const state = this.pop();
    const object = this.pop();
    if (object instanceof PickledObject) object.state = state;
    else if (!(object instanceof Map)) throw this.refused('changes what is no object');
    this.push(object as PickledValue);
  }

  storage(): void {
    const id = this.pop();
    const [what, type, key, , count, view = null] = Array.isArray(id) ? (id as readonly PickledValue[]) : [];
    if (what !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isCount(count) || view !== null) {
      throw this.refused('takes something from beside it that is no row of numbers');
    }
    const storage = new Storage(type.type, key, count);
    this.storages.set(key, storage);
    this.push(storage);
  }

  private fail(reason: string): never {
    throw this.refused(reason);
  }

  private refused(reason: string): PickleRefused {
    return new PickleRefused(this.file, reason);
  }

  private damaged(reason: string): CheckpointUnreadable {
    return new CheckpointUnreadable(this.file, `${reason}.`);
  }
}

/** By their code. Those that Python has besides are refused. */
const operations: Readonly<Record<string, (reader: PickleReader) => void>> = {
  '\x80': (reader) => void reader.byte(), // version of the format
  '\x95': (reader) => void reader.take(8), // length of a frame
  '(': (reader) => reader.mark(),
  '0': (reader) => void reader.pop(),
  N: (reader) => reader.push(null),
  '\x88': (reader) => reader.push(true),
  '\x89': (reader) => reader.push(false),
  J: (reader) => reader.push(reader.take(4).readInt32LE()),
  K: (reader) => reader.push(reader.byte()),
  M: (reader) => reader.push(reader.take(2).readUInt16LE()),
  '\x8a': (reader) => reader.push(longOf(reader.take(reader.byte()))),
  G: (reader) => reader.push(reader.take(8).readDoubleBE()),
  X: (reader) => reader.push(reader.text(reader.word())),
  T: (reader) => reader.push(reader.text(reader.word())),
  U: (reader) => reader.push(reader.text(reader.byte())),
  '\x8c': (reader) => reader.push(reader.text(reader.byte())),
  '}': (reader) => reader.push(new Map()),
  ']': (reader) => reader.push([]),
  ')': (reader) => reader.push([]),
  t: (reader) => reader.push(reader.popMark()),
  '\x85': (reader) => reader.push([reader.pop()]),
  '\x86': (reader) => reader.push([reader.pop(), reader.pop()].reverse()),
  '\x87': (reader) => reader.push([reader.pop(), reader.pop(), reader.pop()].reverse()),
  a: (reader) => reader.extend([reader.pop()]),
  e: (reader) => reader.extend(reader.popMark()),
  s: (reader) => reader.setItems([reader.pop(), reader.pop()].reverse()),
  u: (reader) => reader.setItems(reader.popMark()),
  q: (reader) => reader.remember(reader.byte()),
  r: (reader) => reader.remember(reader.word()),
  '\x94': (reader) => reader.remember(),
  h: (reader) => reader.recall(reader.byte()),
  j: (reader) => reader.recall(reader.word()),
  c: (reader) => reader.find(`${reader.line()}.${reader.line()}`),
  '\x93': (reader) => reader.findJoined(),
  Q: (reader) => reader.storage(),
  R: (reader) => reader.call(),
  '\x81': (reader) => reader.call(), // a new object of a class
  b: (reader) => reader.build(),
};

function rebuiltTensor([storage, offset, shape, strides]: readonly PickledValue[]): PickledValue | undefined {
  if (!(storage instanceof Storage) || !isCount(offset) || !areCounts(shape) || !areCounts(strides)) return undefined;
  if (shape.length > MOST_AXES || shape.length !== strides.length) return undefined;
  const size = shape.reduce((product, side) => product * side, 1);
  const last = shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis], offset);
  return size <= storage.count && (size === 0 || last < storage.count) ? new PickledTensor(storage, offset, shape, strides) : undefined;
}

function isCount(value: PickledValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function areCounts(value: PickledValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}

/** A whole number of up to 255 bytes, the lowest first, the highest with the sign. */
function longOf(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
