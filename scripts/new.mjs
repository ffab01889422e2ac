// Makes an extension that works, by copying a tested one and renaming it everywhere:
//   npm run new extension my-idea --from prompt-history
//   npm run new sampler restart
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const shelves = ['extensions-builtin', 'sdk/examples'].map((folder) => path.join(root, folder));
const usage = 'npm run new extension <id> [--from <one of ours>], or npm run new sampler <id>';

/** What is copied, the name in it that is replaced, and the id of the extension that comes out. */
const kinds = {
  extension: (id, from = 'prompt-history') => ({ template: from, oldName: from, newId: id }),
  sampler: (id) => ({ template: 'ralston-sampler', oldName: 'ralston', newId: `${id}-sampler` }),
};

function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { from: { type: 'string' }, into: { type: 'string' } } });
  const [kind, name, ...rest] = positionals;
  const from = values.from ?? eatenByNpm(rest);
  if (!Object.hasOwn(kinds, kind ?? '') || !name || rest.length > 0) stop(`Say what to make: ${usage}.`);
  if (kind === 'sampler' && from) stop('A sampler is always made from ralston-sampler; leave --from out.');
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    stop(`"${name}" cannot be a name: use lower-case words joined by hyphens, like "my-idea".`);
  const { template, oldName, newId } = kinds[kind](name, from);
  const source = shelves.map((shelf) => path.join(shelf, template)).find((folder) => existsSync(path.join(folder, 'extension.json')));
  if (!source) stop(`There is no "${template}" to copy. There are: ${templates().join(', ')}.`);
  const into = path.resolve(values.into ?? path.join(root, 'extensions'));
  const taken = [into, ...shelves].map((folder) => path.join(folder, newId)).find((folder) => existsSync(folder));
  if (taken) stop(`There is a "${newId}" already, in ${taken}. Choose another name.`);

  const target = path.join(into, newId);
  cpSync(source, target, {
    recursive: true,
    filter: (file) => !path.basename(file).startsWith('.') && path.basename(file) !== 'node_modules',
  });
  try {
    renameEverywhere(target, renamer(oldName, name));
  } catch (error) {
    rmSync(target, { recursive: true });
    throw error;
  }
  console.log(`${path.relative(process.cwd(), target)} is there, and works. Change it, then press "reload" in the Extensions tab.`);
  console.log(`Its tests: npx vitest run --project extensions ${newId}`);
}

/** `--from x` without `--` before it: npm takes the option for its own, and passes on its value as one more word. */
function eatenByNpm(words) {
  const option = process.env.npm_config_from;
  if (option === undefined) return undefined;
  return option === 'true' ? words.shift() : option;
}

function templates() {
  return shelves.flatMap((shelf) => readdirSync(shelf).filter((name) => existsSync(path.join(shelf, name, 'extension.json'))));
}

/** Applies a renaming to the names and the contents of all files. */
function renameEverywhere(folder, rename) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, rename(entry.name));
    if (entry.name !== path.basename(file)) renameSync(path.join(folder, entry.name), file);
    if (entry.isDirectory()) renameEverywhere(file, rename);
    else writeFileSync(file, rename(readFileSync(file, 'utf8')));
  }
}

/** A function that replaces a name in each way that it can be written: old-name, oldName, OldName, "Old name". */
function renamer(oldName, newName) {
  const [from, to] = [formsOf(oldName), formsOf(newName)];
  // a name of one word is written alike as an id and as a variable: what stands next to it tells which it is
  const isId = (text, at) => /['"/]/.test(text[at - 1] ?? '/') || /[-/]/.test(text[at + oldName.length] ?? '');
  return (text) =>
    text
      .replaceAll(from.kebab, (_, at) => (from.kebab !== from.camel || isId(text, at) ? to.kebab : to.camel))
      .replaceAll(from.sentence, to.sentence)
      .replaceAll(from.pascal, to.pascal)
      .replaceAll(from.camel, to.camel);
}

function formsOf(name) {
  const words = name.split('-');
  const pascal = words.map(capital).join('');
  return { kebab: name, pascal, camel: pascal[0].toLowerCase() + pascal.slice(1), sentence: capital(words.join(' ')) };
}

function capital(word) {
  return word[0].toUpperCase() + word.slice(1);
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

main();
