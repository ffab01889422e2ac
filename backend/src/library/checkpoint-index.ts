import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { AppError, fail, reportOf, type ModelFamily } from '@atelier/sdk';
import type { CheckpointEntry, EmbeddingEntry, TextEncoderEntry, VaeEntry } from '@atelier/sdk/contracts';
import { sql, type Kysely } from 'kysely';
import { readModelFile } from '../checkpoints/model-file.js';
import { openSqlite } from '../database/sqlite.js';
import { factsOf, noFacts, readDiffusionModel, type CheckpointFacts } from './checkpoint-facts.js';
import { EmbeddingFiles } from './embedding-files.js';
import { stateOf, type FileState } from './file-state.js';
import { firstUsable, modelFiles, type ModelFolders } from './model-folders.js';
import { findPartFiles, missingParts, type PartFiles } from './model-parts.js';
import { readSidecars, type Sidecars } from './sidecars.js';

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

/** What the index remembers of a file that can be used, valid as long as size and time of change are the same. */
interface FileRow {
  file: string;
  sizeBytes: number;
  changedMs: number;
  /** `CheckpointFacts` as JSON. */
  facts: string;
  /** Of `facts`, when they were written down, and what was said beside the file. */
  version: string;
  sha256: string | null;
}

interface IndexTables {
  checkpoints: FileRow;
}

/** Raised when there is more to know of a checkpoint: what was remembered before is then read again, only hashes are kept. */
const FACTS_VERSION = 2;

/** Which checkpoint files there are, what each is, and its hash. Remembered in `data/index.db`. */
export class CheckpointIndex {
  private entries = new Map<string, CheckpointEntry>();
  private partFiles: PartFiles = { vaes: [], textEncoders: [] };
  private readonly embeddingFiles = new EmbeddingFiles();
  private foundEmbeddings: readonly EmbeddingEntry[] = [];
  private readonly hashing = new Map<string, Promise<string>>();
  private listener: () => void = () => {};
  private looking: Promise<void> = Promise.resolve();

  private constructor(
    private readonly database: Kysely<IndexTables>,
    readonly folders: ModelFolders,
    private readonly families: () => readonly ModelFamily[],
  ) {}

  /**
   * @param folders of two usable checkpoints with one name, the one in the first folder is taken.
   * @param families what can be run, in the order in which they are tried.
   */
  static async open(databaseFile: string, folders: ModelFolders, families: () => readonly ModelFamily[]): Promise<CheckpointIndex> {
    const database = await openSqlite<IndexTables>(databaseFile);
    await database.schema
      .createTable('checkpoints')
      .ifNotExists()
      .addColumn('file', 'text', (column) => column.primaryKey())
      .addColumn('sizeBytes', 'integer', (column) => column.notNull())
      .addColumn('changedMs', 'real', (column) => column.notNull())
      .addColumn('facts', 'text', (column) => column.notNull())
      .addColumn('version', 'text', (column) => column.notNull())
      .addColumn('sha256', 'text')
      .execute();
    await keepHashes(database);
    return new CheckpointIndex(database, folders, families);
  }

  async close(): Promise<void> {
    await this.database.destroy();
  }

  /** Looks at the folders again, after anyone who is at it. Headers of checkpoints are read only of files that are new or have changed. */
  async refresh(): Promise<void> {
    const before = this.looking.catch(() => {}); // whoever asked for it was told
    this.looking = before.then(() => this.look());
    await this.looking;
  }

  private async look(): Promise<void> {
    const before = this.contents();
    this.partFiles = await findPartFiles(this.folders);
    this.foundEmbeddings = await this.embeddingFiles.look(this.folders);
    const entries: CheckpointEntry[] = [];
    for (const { name, file } of await modelFiles(this.folders, 'checkpoints')) entries.push(await this.entryOf(name, file));
    const named = firstUsable(entries).map((entry) => [entry.name, entry] as const);
    this.entries = new Map(named.toSorted(([a], [b]) => a.localeCompare(b)));
    if (this.contents() !== before) this.listener();
  }

  /** Everything that it tells, to be compared. */
  private contents(): string {
    return JSON.stringify([this.list(), this.partFiles, this.foundEmbeddings]);
  }

  /** Told when the folders hold something else than before, and when a hash has become known. */
  onChange(listener: () => void): void {
    this.listener = listener;
  }

  list(): CheckpointEntry[] {
    return [...this.entries.values()];
  }

  /** What can be chosen as VAE. */
  get vaes(): readonly VaeEntry[] {
    return this.partFiles.vaes;
  }

  /** Files that can be chosen for their text encoders. */
  get textEncoders(): readonly TextEncoderEntry[] {
    return this.partFiles.textEncoders;
  }

  /** What prompts can name, usable or not. */
  get embeddings(): readonly EmbeddingEntry[] {
    return this.foundEmbeddings;
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
    await this.database.updateTable('checkpoints').set({ sha256 }).where('file', '=', entry.file).execute();
    const current = this.entries.get(entry.name);
    if (current?.file === entry.file && current.sizeBytes === entry.sizeBytes) {
      this.entries.set(entry.name, { ...current, sha256, shortHash: sha256.slice(0, 10) });
      this.listener();
    }
    return sha256;
  }

  private async entryOf(name: string, file: string): Promise<CheckpointEntry> {
    const state = await stateOf(file);
    const { sizeBytes } = state;
    const sidecars = await readSidecars(file);
    const notesOf = (facts: CheckpointFacts) => [...facts.notes, ...sidecars.notes];
    const shown = {
      description: sidecars.description,
      previewFile: sidecars.previewFile,
      previewUrl: sidecars.previewFile && (await previewUrl(name, sidecars.previewFile)),
    };
    try {
      const { facts, sha256 } = await this.examined(file, state, sidecars);
      const { reads, ...told } = facts;
      const parts = missingParts({ name, file, ...told, reads }, sidecars, this.partFiles);
      const description = sidecars.description ?? facts.description;
      const hash = { sha256, shortHash: sha256?.slice(0, 10) ?? null };
      return { name, file, sizeBytes, ...hash, problem: null, ...told, ...parts, ...shown, description, notes: notesOf(facts) };
    } catch (error) {
      const { reads: _, ...told } = noFacts;
      const nothing = { sha256: null, shortHash: null, automaticVae: null, missing: [] };
      // shown beside the file wherever checkpoints are listed
      return { name, file, sizeBytes, ...nothing, problem: reportOf(error), ...told, ...shown, notes: notesOf(noFacts) };
    }
  }

  /** What is known of a file in that state, by the index or by looking into it. A problem is not remembered: it may be gone with another family. */
  private async examined(
    file: string,
    { sizeBytes, changedMs }: FileState,
    { answersV }: Sidecars,
  ): Promise<{ facts: CheckpointFacts; sha256: string | null }> {
    const known = await this.database.selectFrom('checkpoints').selectAll().where('file', '=', file).executeTakeFirst();
    const isUnchanged = known?.sizeBytes === sizeBytes && known.changedMs === changedMs;
    const sha256 = isUnchanged ? known.sha256 : null;
    const version = JSON.stringify([FACTS_VERSION, answersV]);
    if (isUnchanged && known.version === version) {
      const facts = JSON.parse(known.facts) as CheckpointFacts;
      if (this.families().some(({ id }) => id === facts.family)) return { facts, sha256 };
    }
    const facts = factsOf(await readDiffusionModel(file, this.families(), { answersV }));
    const row: FileRow = { file, sizeBytes, changedMs, facts: JSON.stringify(facts), version, sha256 };
    await this.database
      .insertInto('checkpoints')
      .values(row)
      .onConflict((conflict) => conflict.column('file').doUpdateSet(row))
      .execute();
    return { facts, sha256 };
  }
}

/** The hashes that the first versions kept, in a table of another form. They take long to compute. */
async function keepHashes(database: Kysely<IndexTables>): Promise<void> {
  const tables = await database.introspection.getTables();
  if (!tables.some(({ name }) => name === 'files')) return;
  await database.transaction().execute(async (change) => {
    await sql`insert or ignore into checkpoints
      select file, sizeBytes, changedMs, 'null', '', sha256 from files where sha256 is not null`.execute(change);
    await change.schema.dropTable('files').execute();
  });
}

/** Another address for another picture, so that browsers may keep it. */
async function previewUrl(name: string, file: string): Promise<string> {
  const { changedMs } = await stateOf(file);
  return `/api/checkpoints/preview?${new URLSearchParams({ name, changed: String(Math.round(changedMs)) })}`;
}

async function diffusionModelFiles(file: string): Promise<string[]> {
  const { model } = (await readModelFile(file)).components;
  return [...new Set([...(model?.tensors.values() ?? [])].flatMap((stored) => (stored.parts ?? [stored]).map((part) => part.file)))];
}
