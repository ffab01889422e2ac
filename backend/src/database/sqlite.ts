import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Kysely, SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';

/**
 * Opens (and creates) a SQLite file as a Kysely database: Node's own SQLite where it exists, else the package with the
 * same interface. Written to a write-ahead log that is synced at every commit, so that what was committed survives
 * `kill -9` and power loss.
 */
export async function openSqlite<Schema>(file: string): Promise<Kysely<Schema>> {
  await mkdir(path.dirname(file), { recursive: true });
  const DatabaseSync = await sqliteImplementation();
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;');
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database: asKyselyDatabase(database) }) });
}

type Implementation = typeof import('@photostructure/sqlite').DatabaseSync;

async function sqliteImplementation(): Promise<Implementation> {
  const builtin: string = 'node:sqlite'; // a variable, so that Node 20's types need not know it
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isBuiltIn = major > 22 || (major === 22 && minor >= 16);
  const module = isBuiltIn ? await import(builtin) : await import('@photostructure/sqlite');
  return (module as { DatabaseSync: Implementation }).DatabaseSync;
}

/** The shape Kysely's SQLite dialect wants, made of the shape Node's SQLite has. */
function asKyselyDatabase(database: InstanceType<Implementation>): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(sql): SqliteStatement {
      const statement = database.prepare(sql);
      type Values = Parameters<typeof statement.all>;
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as Values)),
        run: (parameters) => statement.run(...(parameters as Values)) as { changes: number | bigint; lastInsertRowid: number | bigint },
        iterate: (parameters) => statement.iterate(...(parameters as Values)),
      };
    },
  };
}
