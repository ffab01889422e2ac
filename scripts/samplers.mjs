// Writes codex/samplers.md from the samplers and schedules of the core and their doc comments: `npm run samplers`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { z } from 'zod';
import { buildWhatIsStale } from './build.mjs';

const folder = new URL('../backend/src/diffusion/', import.meta.url);
const target = new URL('../codex/samplers.md', import.meta.url);

/** Names of ComfyUI whose numbers ours are, where no entry of ours has the program in its name. Its DDIM is Euler. */
const comfyui = new Set(
  `euler euler_cfg_pp euler_ancestral euler_ancestral_cfg_pp heun heunpp2 dpm_2 dpm_2_ancestral lms dpm_fast dpm_adaptive
   dpmpp_2s_ancestral dpmpp_2s_ancestral_cfg_pp dpmpp_sde dpmpp_2m dpmpp_2m_cfg_pp dpmpp_2m_sde dpmpp_2m_sde_heun dpmpp_3m_sde ddpm lcm
   ipndm ipndm_v deis res_multistep res_multistep_cfg_pp res_multistep_ancestral res_multistep_ancestral_cfg_pp gradient_estimation
   gradient_estimation_cfg_pp er_sde seeds_2 seeds_3 sa_solver sa_solver_pece
   simple sgm_uniform karras exponential polyexponential ddim_uniform beta normal linear_quadratic kl_optimal laplace`.split(/\s+/),
);

/** Ids that A1111 and Forge have, those that only Forge has, and those of reForge. */
const a1111 = new Set(
  `dpmpp-2m dpmpp-sde dpmpp-2m-sde dpmpp-2m-sde-heun dpmpp-2s-ancestral dpmpp-3m-sde euler-ancestral euler lms heun dpm-2 dpm-2-ancestral
   dpm-fast dpm-adaptive restart ddim ddim-cfgpp plms unipc lcm
   automatic uniform karras exponential polyexponential sgm-uniform kl-optimal align-your-steps simple normal ddim-uniform beta`.split(
    /\s+/,
  ),
);
const forge = new Set('heunpp2 ipndm ipndm-v deis ddpm turbo align-your-steps-gits align-your-steps-11 align-your-steps-32'.split(' '));
const reforge = new Set(
  `euler-a2 euler-dy euler-smea-dy euler-negative euler-dy-negative
   sinusoidal-sf invcosinusoidal-sf react-cosinusoidal-dynsf cosine phi laplace karras-dynamic`.split(/\s+/),
);

/** What other programs have and Atelier has not, and why. */
const leftOut = [
  ['Cosine-exponential Blend (reForge)', 'its levels rise again from the third step on; levels fall here'],
  ['Align Your Steps Custom (reForge)', 'levels are written by hand in the request instead (`levels`)'],
  ['SD Turbo of ComfyUI’s node', 'it is Turbo in 10 steps with `startStep` and `endStep`'],
  ['Uniform, Normal, SGM Uniform and Turbo of flow models as Forge has them', 'the first ends at 0 twice, the others leave the shift out'],
  [
    'DPM++ SDE Classic, Kohaku_LoNyu_Yog, RES Solver, CLYB 4M SDE, the ODE solvers and further CFG++ and Dy mixtures of reForge',
    'there is no known answer of theirs to be equal to',
  ],
  ['The last step of SA-Solver in ComfyUI where levels end above 0', 'ComfyUI forgets it; here it is taken'],
  [
    'Levels and schedulers of diffusers by their class names',
    'some give the numbers of entries here, which the tests show; the others are not built',
  ],
];

/** The page, as it should stand in codex/samplers.md. */
export function samplersPage({ samplers, schedulers }) {
  const docs = { samplers: docsOf('samplers', samplers), schedulers: docsOf('schedulers', schedulers) };
  return (
    [
      '# Samplers and schedules',
      'Written by `npm run samplers` from what `backend/src/diffusion/samplers` and `schedulers` declare and say of themselves. Change it there.',
      'Any of the names is taken, exactly. Where programs give other numbers under one name there are two entries, and the second has its\nprogram in its name. *Order* is how fast the error falls with the steps, without noise (0: not a method for that). *Calls* are model calls in an\nordinary step. All numbers are compared with the programs’ own in `tests/known-answers/`.',
      '## Samplers',
      ...samplers.map((sampler) =>
        entryOf(sampler, docs.samplers, [
          `order ${sampler.order}`,
          `${sampler.callsPerStep} ${sampler.callsPerStep === 1 ? 'call' : 'calls'} a step`,
          sampler.drawsNoise ? (sampler.usesBrownianNoise ? 'Brownian noise' : 'draws noise') : 'no noise',
          ...(sampler.minSteps > 1 ? [`from ${sampler.minSteps} steps on`] : []),
          ...(sampler.defaultScheduler ? [`Automatic is \`${sampler.defaultScheduler}\``] : []),
          ...(sampler.discardsNextToLast ? ['leaves out the level before the last'] : []),
          ...(sampler.levels ? ['chooses its own levels'] : []),
        ]),
      ),
      '## Schedules',
      ...schedulers.map((scheduler) =>
        entryOf(scheduler, docs.schedulers, [
          `ends at ${scheduler.lastLevel === 'zero' ? '0' : 'the model’s lowest level'}`,
          ...(scheduler.minSteps > 1 ? [`from ${scheduler.minSteps} steps on`] : []),
        ]),
      ),
      '## What is left out',
      leftOut.map(([what, why]) => `- **${what}**: ${why}.`).join('\n'),
    ].join('\n\n') + '\n'
  );
}

function entryOf(noun, docs, facts) {
  const names = [noun.id, ...noun.aliases].map((name) => `\`${name}\``).join(', ');
  const options = Object.entries(z.toJSONSchema(noun.options).properties ?? {}).map(([name, option]) => {
    const range = option.enum ? option.enum.join(' | ') : [option.minimum, option.maximum].filter((end) => end !== undefined).join(' … ');
    return `| \`${name}\` | ${range || option.type} | ${JSON.stringify(option.default)} | ${option.description} |`;
  });
  return [
    `### ${noun.label}`,
    docs.get(noun.id) ?? '',
    `${names} · ${programsOf(noun)} · ${facts.join(' · ')}`,
    ...(options.length > 0 ? [['| option | range | default | what |', '| --- | --- | --- | --- |', ...options].join('\n')] : []),
  ].join('\n\n');
}

/** The programs that give these numbers. */
function programsOf({ id, aliases, label }) {
  if (label.endsWith('(ComfyUI)')) return 'ComfyUI';
  if (label.endsWith('(reForge)')) return 'reForge';
  const isComfyui = !differsInComfyui.has(id) && [id.replaceAll('-', '_'), ...aliases].some((name) => comfyui.has(name));
  const programs = [
    ...(a1111.has(id) ? ['A1111', 'Forge'] : forge.has(id) ? ['Forge'] : []),
    ...(reforge.has(id) ? ['reForge'] : []),
    ...(isComfyui ? ['ComfyUI'] : []),
  ];
  return programs.join(', ') || 'k-diffusion';
}

/** Ids of which ComfyUI has numbers of its own. */
const differsInComfyui = new Set(
  ['samplers', 'schedulers'].flatMap((kind) =>
    sourcesOf(kind).flatMap(({ text }) => [...text.matchAll(/'([\w-]+)-comfyui'/g)].map(([, id]) => id)),
  ),
);

function sourcesOf(kind) {
  const files = readdirSync(new URL(`${kind}/`, folder)).filter((name) => name.endsWith('.ts'));
  return files.map((name) => ({ name, text: readFileSync(new URL(`${kind}/${name}`, folder), 'utf8') }));
}

/** What each noun's doc comment says, or that of the function which makes it. */
function docsOf(kind, nouns) {
  const ids = new Set(nouns.map(({ id }) => id));
  const docs = new Map();
  for (const { name, text } of sourcesOf(kind)) {
    const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
    const makers = new Map(file.statements.filter(ts.isFunctionDeclaration).map((node) => [node.name.text, docOf(node)]));
    for (const statement of file.statements.filter(ts.isVariableStatement)) {
      const own = docOf(statement);
      const maker = [...makers.keys()].find((each) => statement.getText(file).includes(`${each}(`));
      for (const id of literalsOf(statement)) if (ids.has(id) && !docs.has(id)) docs.set(id, own || makers.get(maker) || '');
    }
  }
  return docs;
}

function docOf(node) {
  const texts = ts.getJSDocCommentsAndTags(node).map((comment) => ts.getTextOfJSDocComment(comment.comment) ?? '');
  return texts
    .join('\n')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
}

function literalsOf(node) {
  if (ts.isStringLiteral(node)) return [node.text];
  const found = [];
  ts.forEachChild(node, (child) => void found.push(...literalsOf(child)));
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildWhatIsStale(['server']);
  const { samplers } = await import('../backend/dist/diffusion/samplers/index.js');
  const { schedulers } = await import('../backend/dist/diffusion/schedulers/index.js');
  writeFileSync(target, samplersPage({ samplers, schedulers }));
  console.log('codex/samplers.md is written.');
}
