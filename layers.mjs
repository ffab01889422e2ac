/**
 * Who may import whom, once, for the linter and for `tests/architecture/layers.test.ts`.
 *
 * A folder of `backend/src` may import `@atelier/sdk`, npm packages, its own files and what is listed beside it; nothing else.
 * (`command-line.ts` is there for `Options`: how the process was started; `version.ts` for what pictures and the API say they are of.)
 * The table is that of `codex/architecture.md`, section "Who may import whom".
 */

const low = ['onnx', 'checkpoints', 'prompt', 'diffusion', 'images', 'hooks', 'settings', 'database'];
const models = ['inference', 'model-families', 'library'];

/** @type {Readonly<Record<string, readonly string[]>>} */
export const layers = {
  ...Object.fromEntries(low.map((folder) => [folder, []])),
  inference: ['onnx'],
  images: ['prompt'],
  'model-families': ['onnx', 'checkpoints'],
  library: ['inference', 'checkpoints', 'model-families', 'onnx', 'database'],
  pipeline: [...low, ...models, 'version.ts'],
  training: [...low, ...models],
  extensions: ['hooks', 'settings'],
  engine: [...low, ...models, 'pipeline', 'training', 'extensions', 'command-line.ts'],
  jobs: ['settings', 'images', 'database', 'command-line.ts'],
  api: ['jobs', 'settings', 'images', 'command-line.ts', 'version.ts'],
};

/** Files that know every folder: the door to each process, the wiring, and what tests of extensions are given. */
export const knowEveryone = ['main.ts', 'app.module.ts', 'testing'];

/** The only places of `backend/src` where `@nestjs/*` may be imported, and where file suffixes like `.controller` may appear. */
export const nestPlaces = ['api', 'jobs', 'main.ts', 'app.module.ts'];

/** Why a folder keeps away from others, said in the second half of the sentence that a wrong import gets. */
const reasons = {
  onnx: 'a graph is pure data in, bytes out',
  checkpoints: 'it only reads what a file holds',
  prompt: 'it knows text and tokens, not models',
  diffusion: 'the model reaches diffusion as a Denoise function',
  images: 'pixels come in as arrays; of prompts it knows what infotexts need',
  hooks: 'the bus is a list of places, which others call and fill',
  settings: 'schemas reach it from those who have settings',
  database: 'it opens SQLite and knows no table',
  inference: 'a graph reaches the device as bytes, a tensor as numbers',
  'model-families': 'a family writes graphs; others run them',
  library: 'it answers which models there are and holds what is loaded',
  pipeline: 'the engine calls the pipeline and gives it what it needs',
  training: 'the engine calls training and gives it what it needs',
  extensions: 'extensions meet the rest only through the bus',
  engine: 'server and engine share contracts, never code',
  jobs: 'server and engine share contracts, never code',
  api: 'the server reaches the engine through jobs/ and the contracts of the sdk',
};

/**
 * The sentence for an import that the table forbids.
 * @param {string} file below `backend/src`, with slashes
 * @param {string} imported folder or file of `backend/src`
 */
export function forbiddenImport(file, imported) {
  const target = imported.endsWith('.ts') ? imported : `${imported}/`;
  return `${file} imports ${target}; ${reasons[file.split('/')[0]] ?? 'only the folders of the layer table may do that'}.`;
}
