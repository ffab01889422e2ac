import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ExtensionManifest } from '@atelier/sdk';
import type { InputOptions, OutputOptions, Plugin } from 'rolldown';
import { CompileFailed, ImportRefused } from './errors.js';
import { hashFolder, isInside } from './extension-folder.js';

/** An extension's halves as JavaScript, one file each. */
export interface Compiled {
  /** Digest of everything that decides the files: another digest is another address. */
  hash: string;
  folder: string;
  server: string | null;
  ui: string | null;
}

/** What the page shares with every extension through its import map. Everything else is bundled in. */
const sharedWithPage = ['vue', 'pinia', '@atelier/sdk/ui'];

/** A file of ours, from which packages are looked up that the extension does not bring itself. */
const hostFile = fileURLToPath(import.meta.url);

/** Run from source (by tests) we use the sdk's source too, and extensions have to share that copy. */
const conditions = hostFile.endsWith('.ts') ? ['development'] : [];

/** Exact versions of the compilers; older results are not reused. */
const hostPackage = await readFile(new URL('../../package.json', import.meta.url), 'utf8');

/** Results kept of one extension: the present one, and what open pages may still ask for. */
const KEPT_RESULTS = 3;

/**
 * Compiles an extension into `<cache>/<id>/<hash>/{server.js,ui.js,ui.css}`, or finds it there.
 *
 * Packages of the server half stay outside, resolved now, from the extension's folder and then from ours, to absolute
 * addresses: so the result works wherever the cache lies, and shares our copy of the sdk.
 */
export async function compile(manifest: ExtensionManifest, folder: string, cache: string): Promise<Compiled> {
  const hash = createHash('sha256')
    .update(await hashFolder(folder))
    .update(JSON.stringify([folder, manifest, hostFile, hostPackage]))
    .digest('hex')
    .slice(0, 16);
  const target = path.join(cache, manifest.id, hash);
  const compiled: Compiled = {
    hash,
    folder: target,
    server: manifest.server === undefined ? null : path.join(target, 'server.js'),
    ui: manifest.ui === undefined ? null : path.join(target, 'ui.js'),
  };
  if (await exists(target)) return compiled;
  const files = {
    ...(manifest.server === undefined ? {} : await compileServer(manifest, manifest.server, folder)),
    ...(manifest.ui === undefined ? {} : await compileUi(manifest, manifest.ui, folder)),
    'package.json': '{ "type": "module" }\n', // the cache may lie outside of any package
  };
  await writeWhole(target, files);
  await forgetOld(path.dirname(target), hash);
  return compiled;
}

type Files = Record<string, string>;

async function compileServer(manifest: ExtensionManifest, entry: string, folder: string): Promise<Files> {
  return bundle(manifest, folder, 'server.js', {
    input: path.join(folder, entry),
    platform: 'node',
    resolve: { conditionNames: [...conditions, 'node', 'import', 'default'] },
    plugins: [importsOf(folder, 'server')],
  });
}

async function compileUi(manifest: ExtensionManifest, entry: string, folder: string): Promise<Files> {
  const { default: vue } = await import('@vitejs/plugin-vue');
  const styles: string[] = [];
  const options: InputOptions = {
    input: path.join(folder, entry),
    platform: 'browser',
    resolve: { conditionNames: [...conditions, 'browser', 'import', 'default'] },
    moduleTypes: { '.svg': 'dataurl', '.png': 'dataurl', '.jpg': 'dataurl', '.webp': 'dataurl' },
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    plugins: [importsOf(folder, 'ui'), vue({ isProduction: true }) as Plugin, gatherStyles(styles)],
  };
  const files = await bundle(manifest, folder, 'ui.js', options, () => (styles.length > 0 ? waitForStyles(manifest.id) : ''));
  return styles.length > 0 ? { ...files, 'ui.css': styles.join('\n') } : files;
}

/** Runs rolldown and gives its one file, and the map to its sources, by name. */
async function bundle(
  manifest: ExtensionManifest,
  folder: string,
  name: string,
  options: InputOptions,
  banner: OutputOptions['banner'] = '',
): Promise<Files> {
  const { rolldown } = await import('rolldown'); // only where something has to be compiled: it takes 30 ms
  try {
    await using build = await rolldown({
      ...options,
      cwd: folder,
      tsconfig: false,
      resolve: { ...options.resolve, extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'] } },
      logLevel: 'silent',
    });
    const { output } = await build.generate({ format: 'esm', codeSplitting: false, sourcemap: true, entryFileNames: name, banner });
    return Object.fromEntries(output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : String(file.source)]));
  } catch (cause) {
    const refused = refusalIn(cause);
    throw new CompileFailed(manifest.id, refused?.message ?? firstLineOf(cause), { cause: refused ?? cause });
  }
}

/** Where imports of an extension's files lead. */
function importsOf(folder: string, half: 'server' | 'ui'): Plugin {
  return {
    name: 'atelier-imports',
    async resolveId(source, importer, { isEntry }) {
      if (isEntry || importer === undefined || source.startsWith('\0')) return null;
      const from = path.relative(folder, importer.split('?')[0]);
      if (/^[./]/.test(source) || path.isAbsolute(source)) {
        const found = await this.resolve(source, importer, { skipSelf: true });
        const isOwn = isInside(folder, importer) && !from.split(path.sep).includes('node_modules');
        if (found && !found.external && isOwn && path.isAbsolute(found.id) && !isInside(folder, found.id.split('?')[0])) {
          throw new ImportRefused(source, from, 'which lies outside of its folder', 'An extension brings all its files in its own folder.');
        }
        return found;
      }
      if (source.startsWith('node:') || builtinModules.includes(source)) {
        if (half === 'ui')
          throw new ImportRefused(source, from, 'which browsers do not have', 'Move this work into a route of the server half.');
        return { id: source.startsWith('node:') ? source : `node:${source}`, external: true };
      }
      if (/^@atelier\/(backend|frontend)(\/|$)/.test(source) && !(half === 'server' && source === '@atelier/backend/model-families')) {
        const hint = 'Everything that extensions may use is in @atelier/sdk, and for kinds of models in @atelier/backend/model-families.';
        throw new ImportRefused(source, from, 'which is not for extensions', hint);
      }
      if (half === 'ui' && sharedWithPage.includes(source)) return { id: source, external: true };
      if (half === 'server' && source === '@atelier/sdk/ui') {
        throw new ImportRefused(source, from, 'which is for the page half', 'Types of it may be imported with `import type`.');
      }
      const found =
        (await this.resolve(source, importer, { skipSelf: true })) ?? (await this.resolve(source, hostFile, { skipSelf: true }));
      if (!found) throw new ImportRefused(source, from, 'which is not installed', 'Run `npm install` in the extension’s folder.');
      return half === 'server' ? { id: pathToFileURL(found.id).href, external: true } : found;
    },
  };
}

/** Takes style sheets out of the bundle, in order, after Vue has scoped them. */
function gatherStyles(styles: string[]): Plugin {
  return {
    name: 'atelier-styles',
    transform(code, id) {
      if (!/\.css(\?|$)|[?&]lang\.css$/.test(id)) return null;
      styles.push(code);
      return { code: '', moduleType: 'js', moduleSideEffects: true };
    },
  };
}

/** Begins a page module that has a style sheet: nothing shows before it is there, and that of an older version goes. */
function waitForStyles(id: string): string {
  return `await new Promise((resolve, reject) => {
  const older = document.querySelectorAll('link[data-extension="${id}"]');
  const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: new URL('./ui.css', import.meta.url).href });
  link.dataset.extension = '${id}';
  link.onload = () => { for (const old of older) old.remove(); resolve(); };
  link.onerror = () => reject(new Error('The style sheet of extension "${id}" could not be loaded.'));
  document.head.append(link);
});`;
}

/** Our own refusal, wherever rolldown has put it. */
function refusalIn(error: unknown): ImportRefused | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof ImportRefused) return at;
    const inner = (at as { errors?: unknown[] }).errors?.map(refusalIn).find(Boolean);
    if (inner) return inner;
  }
  return undefined;
}

/** What a compiler says first, with its place, in one line. */
function firstLineOf(error: unknown): string {
  const first = (error as { errors?: Error[] }).errors?.[0] ?? (error as Error);
  const { id, loc } = first as { id?: string; loc?: { file?: string; line: number; column: number } };
  const place = loc ? `${loc.file ?? id ?? ''}:${loc.line}:${loc.column}: ` : '';
  const plain = first.message
    .replaceAll(/\u001b\[[0-9;]*m/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return place + plain[0];
}

/** A folder that is there with all its files, or not at all. */
async function writeWhole(target: string, files: Files): Promise<void> {
  const draft = path.join(path.dirname(target), `.${randomUUID()}`);
  await mkdir(draft, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(draft, name), content);
  try {
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(target))) throw error; // else another process was quicker with the same result
  }
}

async function forgetOld(folder: string, present: string): Promise<void> {
  const others = (await readdir(folder)).filter((name) => name !== present);
  const ages = await Promise.all(others.map(async (name) => ({ name, time: (await stat(path.join(folder, name))).mtimeMs })));
  ages.sort((a, b) => b.time - a.time);
  for (const { name } of ages.slice(KEPT_RESULTS - 1)) await rm(path.join(folder, name), { recursive: true, force: true });
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null)) !== null;
}
