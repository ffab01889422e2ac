import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { AppError } from '@atelier/sdk';
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Pair } from 'yaml';
import { foldersIn, folderNames, type FolderKind, type ModelFolders } from './model-folders.js';

/** ComfyUI's name for the file in which people say where else their models lie. */
const FILE_NAME = 'extra_model_paths.yaml';

/** An `extra_model_paths.yaml` does not say what it should. */
export class ExtraModelPathsInvalid extends AppError {
  readonly code = 'extra-model-paths-invalid';
  constructor(file: string, line: number, reason: string) {
    super(
      `Line ${line} of ${file}: ${reason}.`,
      'Correct it as ComfyUI has it in its extra_model_paths.yaml.example, or take the file away.',
    );
  }
}

/** A file was named by `--extra-model-paths` that cannot be read. */
export class ExtraModelPathsNotOpened extends AppError {
  readonly code = 'extra-model-paths-not-opened';
  override readonly kind = 'not-found';
  constructor(file: string, cause: NodeJS.ErrnoException) {
    super(`"${file}" cannot be opened (${cause.code}).`, 'Check the path, or leave it out.', { cause });
  }
}

/** A folder that such a file names. */
export interface ExtraFolder {
  kind: FolderKind;
  folder: string;
  /** Looked into before all others. */
  isDefault: boolean;
}

/**
 * Every folder that is looked into: those of the models folders, and what files of ComfyUI's kind add. Such a file is read where it was
 * named, and where it lies beside a models folder.
 *
 * @throws ExtraModelPathsInvalid | ExtraModelPathsNotOpened
 */
export async function modelFoldersOf({
  modelsDirs,
  extraModelPaths,
}: {
  modelsDirs: readonly string[];
  extraModelPaths: readonly string[];
}): Promise<ModelFolders> {
  const besides = modelsDirs.flatMap((folder) => [path.join(folder, FILE_NAME), path.join(path.dirname(folder), FILE_NAME)]);
  const extra: ExtraFolder[] = [];
  for (const file of new Set([...extraModelPaths, ...besides])) {
    const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      const isNeeded = extraModelPaths.includes(file) || cause.code !== 'ENOENT';
      if (isNeeded) throw new ExtraModelPathsNotOpened(file, cause);
      return '';
    });
    extra.push(...parseExtraModelPaths(text, file));
  }
  const ours = foldersIn(modelsDirs);
  const all = (kind: FolderKind): string[] => {
    const ofKind = extra.filter((each) => each.kind === kind);
    const [first, last] = [ofKind.filter(({ isDefault }) => isDefault), ofKind.filter(({ isDefault }) => !isDefault)];
    // as in ComfyUI, of several defaults the last one goes first
    return [...new Set([...first.reverse().map(({ folder }) => folder), ...ours[kind], ...last.map(({ folder }) => folder)])];
  };
  return {
    checkpoints: all('checkpoints'),
    vae: all('vae'),
    vaeApprox: all('vaeApprox'),
    textEncoders: all('textEncoders'),
    embeddings: all('embeddings'),
  };
}

/**
 * Reads ComfyUI's form: sections with any name, each with a `base_path` and, by kind, one folder or one to a line. Kinds that are not ours
 * are left out.
 *
 * @param file whose folder relative paths start from.
 * @throws ExtraModelPathsInvalid
 */
export function parseExtraModelPaths(text: string, file: string): ExtraFolder[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { version: '1.1', lineCounter: lines }); // PyYAML's
  const invalid = (offset: number, reason: string) => new ExtraModelPathsInvalid(file, lines.linePos(offset).line, reason);
  const [error] = document.errors;
  if (error) throw invalid(error.pos[0], error.message.split(/ at line|\n/)[0]);

  const pairsOf = (node: unknown, offset: number, what: string): [key: string, value: unknown, offset: number][] => {
    if (node === null || (isScalar(node) && node.value === null)) return [];
    if (!isMap(node)) throw invalid((isNode(node) && node.range?.[0]) || offset, `${what} has to be names with values`);
    return node.items.map(({ key, value }: Pair) => {
      const at = isScalar(key) ? (key.range?.[0] ?? offset) : offset;
      return [String(isScalar(key) ? key.value : key), value, at];
    });
  };
  const valueOf = <T>(node: unknown, offset: number, name: string, is: (value: unknown) => value is T, what: string): T => {
    const value = isScalar(node) ? node.value : node;
    if (!is(value)) throw invalid(offset, `"${name}" has to be ${what}`);
    return value;
  };

  return pairsOf(document.contents, 0, 'the file').flatMap(([section, content, at]) => {
    let base = path.dirname(path.resolve(file));
    let isDefault = false;
    const found: { kind: FolderKind; folders: string }[] = [];
    for (const [name, value, offset] of pairsOf(content, at, `"${section}"`)) {
      const kind = kindCalled(name);
      if (name === 'base_path') base = path.resolve(base, expand(valueOf(value, offset, name, isText, 'a path')));
      else if (name === 'is_default') isDefault = valueOf(value, offset, name, isBoolean, 'true or false');
      else if (kind) found.push({ kind, folders: valueOf(value, offset, name, isText, 'a path, or several with one to a line') });
    }
    return found.flatMap(({ kind, folders }) => {
      const named = folders.split('\n').filter((line) => line.trim() !== '');
      return named.map((folder) => ({ kind, folder: path.resolve(base, folder.trim()), isDefault }));
    });
  });
}

function kindCalled(name: string): FolderKind | undefined {
  return (Object.keys(folderNames) as FolderKind[]).find((kind) => folderNames[kind].includes(name));
}

/** `~`, `$NAME` and `${NAME}`, as in a shell; a variable that is not there stays as it is written. */
function expand(folder: string): string {
  return folder
    .replace(/^~(?=$|[\\/])/, homedir())
    .replace(/\$(\w+)|\$\{(\w+)\}/g, (written, name: string | undefined, braced: string) => process.env[name ?? braced] ?? written);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
