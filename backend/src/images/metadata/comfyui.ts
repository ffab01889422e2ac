import type { Infotext } from '../infotext/parse-infotext.js';
import { entriesOf, jsonObject, objectOf, textOf, type Json } from './json-value.js';

/** A node of what ComfyUI ran: its kind, and its inputs: values, or [id of another node, which output]. */
interface Node {
  readonly kind: string;
  readonly inputs: Readonly<Record<string, Json>>;
}
type Graph = ReadonlyMap<string, Node>;

/** So far a value is looked for, from node to node. */
const FARTHEST = 30;

/** Samplers and schedule types that are other ones in ComfyUI than those of the same name elsewhere. */
const ownSamplers = new Set(['euler', 'heun', 'dpm_2', 'lms', 'ipndm', 'ipndm_v', 'uni_pc', 'uni_pc_bh2', 'lcm']);
const ownSchedulers = new Set(['beta', 'kl_optimal']);

/**
 * What ComfyUI ran (`prompt`, not the drawing in `workflow`): from the first sampler that begins with an empty latent
 * back along the links to prompts, model and size. Its noise is made as on a CPU.
 */
export function readComfyUi(prompt: string | undefined): Infotext | undefined {
  const graph = graphOf(jsonObject(prompt));
  const samplers = [...graph.values()].filter(({ inputs }) => isLink(inputs.positive) && isLink(inputs.latent_image) && 'steps' in inputs);
  const sampler = samplers.find(({ inputs }) => find(graph, inputs.latent_image, isEmptyLatent) !== undefined) ?? samplers[0];
  if (!sampler) return undefined;
  const { inputs } = sampler;
  const latent = find(graph, inputs.latent_image, isEmptyLatent);
  const clip = find(graph, inputs.positive, ({ kind }) => kind === 'CLIPSetLastLayer');
  const guidance = find(graph, inputs.positive, ({ kind }) => kind === 'FluxGuidance');
  const model = find(graph, inputs.model, (node) => 'ckpt_name' in node.inputs || 'unet_name' in node.inputs);
  const samplerName = textOf(valueOf(graph, inputs.sampler_name));
  const scheduler = textOf(valueOf(graph, inputs.scheduler));
  const layer = clip?.inputs.stop_at_clip_layer;
  return {
    prompt: textBehind(graph, inputs.positive),
    negativePrompt: textBehind(graph, inputs.negative),
    entries: entriesOf({
      Steps: valueOf(graph, inputs.steps),
      Sampler: samplerName && theirs(samplerName, ownSamplers),
      'Schedule type': scheduler && theirs(scheduler, ownSchedulers),
      'CFG scale': valueOf(graph, inputs.cfg),
      'Distilled CFG Scale': guidance?.inputs.guidance,
      Seed: valueOf(graph, inputs.seed ?? inputs.noise_seed),
      'Size-1': latent && valueOf(graph, latent.inputs.width),
      'Size-2': latent && valueOf(graph, latent.inputs.height),
      Model: model?.inputs.ckpt_name ?? model?.inputs.unet_name,
      VAE: [...graph.values()].find(({ kind }) => kind === 'VAELoader')?.inputs.vae_name,
      'Clip skip': typeof layer === 'number' ? Math.abs(layer) : undefined,
      'Denoising strength': inputs.denoise === 1 ? undefined : inputs.denoise,
      RNG: 'CPU',
    }),
  };
}

function graphOf(nodes: Record<string, Json> = {}): Graph {
  const graph = new Map<string, Node>();
  for (const [id, value] of Object.entries(nodes)) {
    const node = objectOf(value);
    const inputs = objectOf(node?.inputs);
    if (inputs && typeof node?.class_type === 'string') graph.set(id, { kind: node.class_type, inputs });
  }
  return graph;
}

function theirs(name: string, own: ReadonlySet<string>): string {
  return own.has(name) ? `${name.replaceAll('_', '-')}-comfyui` : name;
}

function isLink(value: Json | undefined): value is [string, number] {
  return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number';
}

const isEmptyLatent = ({ kind }: Node): boolean => /^Empty.*Latent/.test(kind);

/** The value itself, or what the node that it is linked to holds as its only plain value. */
function valueOf(graph: Graph, value: Json | undefined): Json | undefined {
  if (!isLink(value)) return value;
  const { seed, value: held, noise_seed: noiseSeed } = graph.get(value[0])?.inputs ?? {};
  return [seed, noiseSeed, held].find((each) => textOf(each) !== undefined);
}

/** The nearest node behind a link that is of the wanted sort. */
function find(graph: Graph, from: Json | undefined, isWanted: (node: Node) => boolean): Node | undefined {
  const seen = new Set<string>();
  let places = isLink(from) ? [from[0]] : [];
  for (let step = 0; step < FARTHEST && places.length > 0; step++) {
    const next: string[] = [];
    for (const id of places) {
      const node = graph.get(id);
      if (!node || seen.has(id)) continue;
      seen.add(id);
      if (isWanted(node)) return node;
      next.push(
        ...Object.values(node.inputs)
          .filter(isLink)
          .map(([other]) => other),
      );
    }
    places = next;
  }
  return undefined;
}

/** The text of the nearest node that encodes one; SDXL's and Flux's encoders have several, of which the longest says most. */
function textBehind(graph: Graph, from: Json | undefined): string {
  const encoder = find(graph, from, ({ inputs }) => textsOf(graph, inputs).length > 0);
  return encoder ? textsOf(graph, encoder.inputs).reduce((longest, text) => (text.length > longest.length ? text : longest)) : '';
}

function textsOf(graph: Graph, inputs: Node['inputs']): string[] {
  return ['text', 'text_g', 'text_l', 't5xxl', 'clip_l', 'prompt'].flatMap((name) => {
    const value = inputs[name];
    if (!isLink(value)) return typeof value === 'string' ? [value] : [];
    const source = graph.get(value[0])?.inputs ?? {};
    return ['text', 'string', 'value'].map((key) => source[key]).filter((text) => typeof text === 'string');
  });
}
