import type { Generated, Kysely, Migration } from 'kysely';

/** A job as it lies in the ledger. Text columns ending in `Json` hold what their name says. */
export interface JobRow {
  /** Order of creation; what pages of the list are cut by. */
  number: Generated<number>;
  id: string;
  /** Of its latest change. */
  sequence: number;
  phase: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  /** Order in the queue; a job put in front has a smaller one than all others. */
  place: number;
  /** How often it was handed to an engine. */
  attempts: number;
  requestJson: string;
  pictureCount: number;
  errorJson: string | null;
  warningsJson: string;
  hookTimingsJson: string;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

/** A finished picture. */
export interface PictureRow {
  number: Generated<number>;
  id: string;
  jobId: string;
  indexInJob: number;
  seed: number;
  width: number;
  height: number;
  /** Path below the outputs folder. */
  file: string;
  parameters: string;
  createdAt: string;
}

/** The change numbers up to here may have been given out. */
export interface SequenceRow {
  reserved: number;
}

export interface LedgerTables {
  jobs: JobRow;
  pictures: PictureRow;
  sequence: SequenceRow;
}

/** Each brings a ledger from one version to the next; their names are their order. A released one never changes. */
export const migrations: Record<string, Migration> = {
  '0001-jobs-and-pictures': {
    async up(database: Kysely<unknown>) {
      await database.schema
        .createTable('jobs')
        .addColumn('number', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('id', 'text', (column) => column.notNull().unique())
        .addColumn('sequence', 'integer', (column) => column.notNull())
        .addColumn('phase', 'text', (column) => column.notNull())
        .addColumn('place', 'integer', (column) => column.notNull())
        .addColumn('attempts', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('requestJson', 'text', (column) => column.notNull())
        .addColumn('pictureCount', 'integer', (column) => column.notNull())
        .addColumn('errorJson', 'text')
        .addColumn('warningsJson', 'text', (column) => column.notNull().defaultTo('[]'))
        .addColumn('hookTimingsJson', 'text', (column) => column.notNull().defaultTo('[]'))
        .addColumn('createdAt', 'text', (column) => column.notNull())
        .addColumn('startedAt', 'text')
        .addColumn('finishedAt', 'text')
        .execute();
      await database.schema.createIndex('jobs-by-phase').on('jobs').columns(['phase', 'place']).execute();
      await database.schema.createIndex('jobs-by-sequence').on('jobs').column('sequence').execute();
      await database.schema
        .createTable('pictures')
        .addColumn('number', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('id', 'text', (column) => column.notNull().unique())
        .addColumn('jobId', 'text', (column) => column.notNull().references('jobs.id'))
        .addColumn('indexInJob', 'integer', (column) => column.notNull())
        .addColumn('seed', 'integer', (column) => column.notNull())
        .addColumn('width', 'integer', (column) => column.notNull())
        .addColumn('height', 'integer', (column) => column.notNull())
        .addColumn('file', 'text', (column) => column.notNull())
        .addColumn('parameters', 'text', (column) => column.notNull())
        .addColumn('createdAt', 'text', (column) => column.notNull())
        .addUniqueConstraint('one-picture-a-place', ['jobId', 'indexInJob'])
        .execute();
      await database.schema
        .createTable('sequence')
        .addColumn('reserved', 'integer', (column) => column.notNull())
        .execute();
      await (database as Kysely<LedgerTables>).insertInto('sequence').values({ reserved: 0 }).execute();
    },
  },
};
