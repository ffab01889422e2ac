import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { AppError, fail, reportOf, type ModelFamily } from '@atelier/sdk';
import type { CheckpointEntry, ErrorReport } from '@atelier/sdk/contracts';
import type { Kysely } from 'kysely';
import { readModelFile } from '../checkpoints/model-file.js';
import { openSqlite } from '../database/sqlite.js';
import { recognise } from '../model-families/families.js';
import { stateOf } from './file-state.js';
import { modelFiles } from './model-folders.js';

/** No file in the models folders has that name. */
export class CheckpointNotFound extends AppError {
  readonly code = 'checkpoint-not-found';
  override readonly kind = 'not-found';
  constructor(
    readonly wanted: string,
    readonly known: readonly string[],
  ) {
    super(
      `No checkpoint is called "${wanted}".`,
      known.length > 0 ? `Known checkpoints: ${known.join(', ')}.` : 'Put a .safetensors file into models/checkpoints.',
    );
  }
}

/** What the index remembers of a file, valid as long as size and time of change are the same. */
interface FileRow {
  file: string;
  sizeBytes: number;
  changedMs: number;
  family: string | null;
  /** An `ErrorReport` as JSON. */
  problem: string | null;
  /** A list of sentences as JSON. */
  notes: string;
  sha256: string | null;
}

interface IndexTables {
  files: FileRow;
}

/** Which checkpoint files there are, what each is, and its hash. Remembered in `data/index.db`. */
export class CheckpointIndex {
  private entries = new Map<string, CheckpointEntry>();
  private readonly hashing = new Map<string, Promise<string>>();
  private listener: () => void = () => {};

  private constructor(
    private readonly database: Kysely<IndexTables>,
    /** In the order of the command line. */
    readonly modelsFolders: readonly string[],
    private readonly families: () => readonly ModelFamily[],
  ) {}

  /**
   * @param modelsFolders checkpoints lie in their `checkpoints/` (or A1111's `Stable-diffusion/`); of two with one name, the first folder's is taken.
   * @param families what can be run, in the order in which they are tried.
   */
  static async open(
    databaseFile: string,
    modelsFolders: readonly string[],
    families: () => readonly ModelFamily[],
  ): Promise<CheckpointIndex> {
    const database = await openSqlite<IndexTables>(databaseFile);
    await database.schema
      .createTable('files')
      .ifNotExists()
      .addColumn('file', 'text', (column) => column.primaryKey())
      .addColumn('sizeBytes', 'integer', (column) => column.notNull())
      .addColumn('changedMs', 'real', (column) => column.notNull())
      .addColumn('family', 'text')
      .addColumn('problem', 'text')
      .addColumn('sha256', 'text')
      .execute();
    const [files] = await database.introspection.getTables();
    if (!files.columns.some(({ name }) => name === 'notes')) {
      // added by a later version than the first
      await database.schema
        .alterTable('files')
        .addColumn('notes', 'text', (column) => column.notNull().defaultTo('[]'))
        .execute();
    }
    return new CheckpointIndex(database, modelsFolders, families);
  }

  async close(): Promise<void> {
    await this.database.destroy();
  }

  /** Looks at the folders again. Headers are read only of files that are new or have changed. */
  async refresh(): Promise<void> {
    const entries = new Map<string, CheckpointEntry>();
    for (const { name, file } of await modelFiles(this.modelsFolders, 'checkpoints')) {
      const rival = entries.get(name);
      if (rival && !rival.problem) continue; // the first models folder wins, as its order on the command line says
      const entry = await this.entryOf(name, file);
      if (!rival || !entry.problem) entries.set(name, entry);
    }
    this.entries = new Map([...entries].sort(([a], [b]) => a.localeCompare(b)));
  }

  /** Told when a hash has become known. */
  onChange(listener: () => void): void {
    this.listener = listener;
  }

  list(): CheckpointEntry[] {
    return [...this.entries.values()];
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  /** The entry of that name. Throws `CheckpointNotFound` with the names there are. */
  find(name: string): CheckpointEntry {
    return this.entries.get(name) ?? fail(new CheckpointNotFound(name, this.names()));
  }

  /**
   * The SHA-256 of a checkpoint's file (of a folder: of the files of its diffusion model, one after another), as 64 hex digits; computed
   * beside other work and remembered.
   * Calls for one file share one reading.
   */
  async sha256(entry: CheckpointEntry): Promise<string> {
    if (entry.sha256) return entry.sha256;
    const running = this.hashing.get(entry.file) ?? this.hash(entry).finally(() => this.hashing.delete(entry.file));
    this.hashing.set(entry.file, running);
    return await running;
  }

  private async hash(entry: CheckpointEntry): Promise<string> {
    const hash = createHash('sha256');
    for (const file of await diffusionModelFiles(entry.file)) {
      for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
    }
    const sha256 = hash.digest('hex');
    await this.database.updateTable('files').set({ sha256 }).where('file', '=', entry.file).execute();
    const current = this.entries.get(entry.name);
    if (current?.file === entry.file && current.sizeBytes === entry.sizeBytes) {
      this.entries.set(entry.name, { ...current, sha256, shortHash: sha256.slice(0, 10) });
      this.listener();
    }
    return sha256;
  }

  private async entryOf(name: string, file: string): Promise<CheckpointEntry> {
    const { sizeBytes, changedMs } = await stateOf(file);
    const known = await this.database.selectFrom('files').selectAll().where('file', '=', file).executeTakeFirst();
    const isUnchanged = known?.sizeBytes === sizeBytes && known.changedMs === changedMs;
    // a problem may be ours (a family that was not built), so such a file is looked at again
    const row = isUnchanged && known.problem === null ? known : await this.examine(file, sizeBytes, changedMs);
    return {
      name,
      file,
      sizeBytes,
      family: row.family,
      sha256: row.sha256,
      shortHash: row.sha256?.slice(0, 10) ?? null,
      problem: row.problem ? (JSON.parse(row.problem) as ErrorReport) : null,
      notes: JSON.parse(row.notes) as string[],
    };
  }

  private async examine(file: string, sizeBytes: number, changedMs: number): Promise<FileRow> {
    const row: FileRow = { file, sizeBytes, changedMs, family: null, problem: null, sha256: null, notes: '[]' };
    try {
      const read = await readModelFile(file);
      row.family = recognise(read, this.families()).family.id;
      row.notes = JSON.stringify(read.notes ?? []);
    } catch (error) {
      row.problem = JSON.stringify(reportOf(error)); // shown beside the file wherever checkpoints are listed
    }
    await this.database
      .insertInto('files')
      .values(row)
      .onConflict((conflict) => conflict.column('file').doUpdateSet(row))
      .execute();
    return row;
  }
}

async function diffusionModelFiles(file: string): Promise<string[]> {
  const { model } = (await readModelFile(file)).components;
  return [...new Set([...(model?.tensors.values() ?? [])].flatMap((stored) => (stored.parts ?? [stored]).map((part) => part.file)))];
}
