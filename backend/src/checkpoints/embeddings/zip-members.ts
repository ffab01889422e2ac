import { CheckpointUnreadable } from '../errors.js';

const END_BYTES = 22;
const MOST_COMMENT_BYTES = 65_535;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const STORED = 0;

/**
 * The members of a zip archive by name, as views of its bytes. PyTorch writes them uncompressed; what is compressed is refused, so that
 * nothing grows.
 *
 * @throws CheckpointUnreadable
 */
export function zipMembers(bytes: Buffer, file: string): Map<string, Buffer> {
  const damaged = (reason: string) => new CheckpointUnreadable(file, `its zip archive ${reason}.`);
  const within = (from: number, length: number): Buffer => {
    if (from + length > bytes.length) throw damaged('is cut off');
    return bytes.subarray(from, from + length);
  };

  const endAt = bytes.lastIndexOf('PK\u0005\u0006', bytes.length - END_BYTES, 'latin1');
  if (endAt < Math.max(0, bytes.length - END_BYTES - MOST_COMMENT_BYTES)) throw damaged('has no directory');
  const end = within(endAt, END_BYTES);
  const members = new Map<string, Buffer>();
  let at = end.readUInt32LE(16);
  for (let left = end.readUInt16LE(10); left > 0; left--) {
    const entry = within(at, ENTRY_BYTES);
    if (entry.toString('latin1', 0, 4) !== 'PK\u0001\u0002') throw damaged('has a broken directory');
    const nameBytes = entry.readUInt16LE(28);
    const name = within(at + ENTRY_BYTES, nameBytes).toString('utf8');
    if (entry.readUInt16LE(10) !== STORED) throw damaged(`has "${name}" compressed, as PyTorch never does`);
    if (members.has(name)) throw damaged(`holds "${name}" twice`);
    const localAt = entry.readUInt32LE(42);
    const local = within(localAt, LOCAL_BYTES);
    if (local.toString('latin1', 0, 4) !== 'PK\u0003\u0004') throw damaged('has a broken directory');
    const start = localAt + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
    members.set(name, within(start, entry.readUInt32LE(24)));
    at += ENTRY_BYTES + nameBytes + entry.readUInt16LE(30) + entry.readUInt16LE(32);
  }
  return members;
}
