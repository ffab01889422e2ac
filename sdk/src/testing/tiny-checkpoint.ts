import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Families of which a tiny checkpoint can be made. */
export type TinyFamily = 'sd15';

export interface TinyCheckpointOptions {
  /** Where the file goes; made when it is not there. */
  folder: string;
  /** Without ending. */
  name?: string;
  /** Another seed, another model. */
  seed?: number;
  /** What the weights are stored in. */
  type?: 'F16' | 'F32';
  /** Shapes of another diffusion model, by name, in place of the UNet. */
  model?: Readonly<Record<string, number[]>>;
}

/** A tensor to be: its shape, and the standard deviation of its values around `mean`. */
interface Recipe {
  shape: number[];
  deviation: number;
  mean: number;
}

const WIDTH = 32; // 32 groups of normalisation ask for no less
const TEXT_WIDTH = 64; // one head
const VOCABULARY = 49408;
const TOKENS = 77;
const LATENT = 4;

/**
 * Writes a complete checkpoint with the names of a real one, and random weights scaled so that every signal keeps its size:
 * its pictures mean nothing and are finite. About 9 MB in half precision, most of it the vocabulary, which has its real size.
 *
 * @returns the file's path.
 */
export function tinyCheckpoint(
  _family: TinyFamily,
  { folder, name = 'tiny', seed = 1, type = 'F16', model }: TinyCheckpointOptions,
): string {
  const recipes = new Map<string, Recipe>();
  addTextEncoder(plan(recipes, 'cond_stage_model.transformer.text_model.'));
  if (model) addOther(plan(recipes, 'model.diffusion_model.'), model);
  else addUnet(plan(recipes, 'model.diffusion_model.'));
  addVae(plan(recipes, 'first_stage_model.'));
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.safetensors`);
  writeFileSync(file, safetensors(recipes, seed, type));
  return file;
}

type Plan = ReturnType<typeof plan>;

/** Writes down layers by kind. Weights of `gain` 1 keep the variance of what goes through them. */
function plan(recipes: Map<string, Recipe>, prefix: string) {
  const add = (name: string, shape: number[], deviation: number, mean = 0) => recipes.set(prefix + name, { shape, deviation, mean });
  return {
    add,
    at: (name: string) => plan(recipes, `${prefix}${name}.`),
    linear(name: string, from: number, to: number, { hasBias = true, gain = 1 } = {}): void {
      add(`${name}.weight`, [to, from], gain / Math.sqrt(from));
      if (hasBias) add(`${name}.bias`, [to], 0.02);
    },
    conv(name: string, from: number, to: number, kernel: 1 | 3, gain = 1): void {
      add(`${name}.weight`, [to, from, kernel, kernel], gain / Math.sqrt(from * kernel * kernel));
      add(`${name}.bias`, [to], 0.02);
    },
    norm(name: string, width: number): void {
      add(`${name}.weight`, [width], 0.05, 1);
      add(`${name}.bias`, [width], 0.05);
    },
  };
}

function addTextEncoder(clip: Plan): void {
  clip.add('embeddings.token_embedding.weight', [VOCABULARY, TEXT_WIDTH], 0.7);
  clip.add('embeddings.position_embedding.weight', [TOKENS, TEXT_WIDTH], 0.3);
  for (const index of [0, 1]) {
    const layer = clip.at(`encoder.layers.${index}`);
    layer.norm('layer_norm1', TEXT_WIDTH);
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) layer.linear(`self_attn.${name}`, TEXT_WIDTH, TEXT_WIDTH);
    layer.norm('layer_norm2', TEXT_WIDTH);
    layer.linear('mlp.fc1', TEXT_WIDTH, 2 * TEXT_WIDTH);
    layer.linear('mlp.fc2', 2 * TEXT_WIDTH, TEXT_WIDTH);
  }
  clip.norm('final_layer_norm', TEXT_WIDTH);
}

function addOther(model: Plan, shapes: Readonly<Record<string, number[]>>): void {
  for (const [name, shape] of Object.entries(shapes)) model.add(name, shape, 1 / Math.sqrt(sizeOf(shape.slice(1))));
}

/** Two levels of one block, WIDTH and 2 · WIDTH wide, with attention at the second and in the middle. */
function addUnet(unet: Plan): void {
  const wide = 2 * WIDTH;
  const time = 4 * WIDTH;
  const resBlock = (name: string, from: number, to: number) => {
    const block = unet.at(name);
    block.norm('in_layers.0', from);
    block.conv('in_layers.2', from, to, 3);
    block.linear('emb_layers.1', time, to);
    block.norm('out_layers.0', to);
    block.conv('out_layers.3', to, to, 3, 0.5);
    if (from !== to) block.conv('skip_connection', from, to, 1);
  };
  unet.linear('time_embed.0', WIDTH, time);
  unet.linear('time_embed.2', time, time);
  unet.conv('input_blocks.0.0', LATENT, WIDTH, 3);
  resBlock('input_blocks.1.0', WIDTH, WIDTH);
  unet.conv('input_blocks.2.0.op', WIDTH, WIDTH, 3);
  resBlock('input_blocks.3.0', WIDTH, wide);
  addTransformer(unet.at('input_blocks.3.1'), wide);
  resBlock('middle_block.0', wide, wide);
  addTransformer(unet.at('middle_block.1'), wide);
  resBlock('middle_block.2', wide, wide);
  resBlock('output_blocks.0.0', wide + wide, wide);
  addTransformer(unet.at('output_blocks.0.1'), wide);
  resBlock('output_blocks.1.0', wide + WIDTH, wide);
  addTransformer(unet.at('output_blocks.1.1'), wide);
  unet.conv('output_blocks.1.2.conv', wide, wide, 3);
  resBlock('output_blocks.2.0', wide + WIDTH, WIDTH);
  resBlock('output_blocks.3.0', WIDTH + WIDTH, WIDTH);
  unet.norm('out.0', WIDTH);
  unet.conv('out.2', WIDTH, LATENT, 3);
}

function addTransformer(transformer: Plan, width: number): void {
  transformer.norm('norm', width);
  transformer.conv('proj_in', width, width, 1);
  const block = transformer.at('transformer_blocks.0');
  for (const [index, name] of ['attn1', 'attn2'].entries()) {
    const source = name === 'attn1' ? width : TEXT_WIDTH;
    block.norm(`norm${index + 1}`, width);
    block.linear(`${name}.to_q`, width, width, { hasBias: false });
    block.linear(`${name}.to_k`, source, width, { hasBias: false });
    block.linear(`${name}.to_v`, source, width, { hasBias: false });
    block.linear(`${name}.to_out.0`, width, width);
  }
  block.norm('norm3', width);
  block.linear('ff.net.0.proj', width, 4 * width);
  block.linear('ff.net.2', 2 * width, width);
  transformer.conv('proj_out', width, width, 1, 0.5);
}

/** Four levels, so that a latent cell is 8 pixels wide as it should be; all of WIDTH, one block each, two on the way up. */
function addVae(vae: Plan): void {
  const resBlock = (name: string) => {
    const block = vae.at(name);
    for (const half of [1, 2]) {
      block.norm(`norm${half}`, WIDTH);
      block.conv(`conv${half}`, WIDTH, WIDTH, 3, 0.5);
    }
  };
  const levels = [0, 1, 2, 3];
  for (const part of ['encoder', 'decoder']) {
    resBlock(`${part}.mid.block_1`);
    vae.norm(`${part}.mid.attn_1.norm`, WIDTH);
    for (const name of ['q', 'k', 'v', 'proj_out']) vae.conv(`${part}.mid.attn_1.${name}`, WIDTH, WIDTH, 1, 0.5);
    resBlock(`${part}.mid.block_2`);
    vae.norm(`${part}.norm_out`, WIDTH);
  }
  vae.conv('encoder.conv_in', 3, WIDTH, 3);
  vae.conv('encoder.conv_out', WIDTH, 2 * LATENT, 3);
  vae.conv('quant_conv', 2 * LATENT, 2 * LATENT, 1);
  vae.conv('post_quant_conv', LATENT, LATENT, 1);
  vae.conv('decoder.conv_in', LATENT, WIDTH, 3);
  vae.conv('decoder.conv_out', WIDTH, 3, 3, 0.5);
  for (const level of levels) {
    resBlock(`encoder.down.${level}.block.0`);
    if (level < levels.length - 1) vae.conv(`encoder.down.${level}.downsample.conv`, WIDTH, WIDTH, 3);
    for (const block of [0, 1]) resBlock(`decoder.up.${level}.block.${block}`);
    if (level > 0) vae.conv(`decoder.up.${level}.upsample.conv`, WIDTH, WIDTH, 3);
  }
}

/** The bytes of a `.safetensors` file of float16 tensors. */
function safetensors(recipes: ReadonlyMap<string, Recipe>, seed: number, type: 'F16' | 'F32'): Uint8Array {
  const [TypedArray, toStored] = type === 'F16' ? [Uint16Array, toFloat16] : [Float32Array, (value: number) => value];
  const header: Record<string, unknown> = {};
  let length = 0;
  for (const [name, { shape }] of recipes) {
    const bytes = TypedArray.BYTES_PER_ELEMENT * sizeOf(shape);
    header[name] = { dtype: type, shape, data_offsets: [length, length + bytes] };
    length += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(json.length));

  const values = new TypedArray(length / TypedArray.BYTES_PER_ELEMENT);
  const random = evenNumbers(seed);
  let at = 0;
  for (const { shape, deviation, mean } of recipes.values()) {
    const reach = deviation * Math.sqrt(3); // even numbers in −reach … reach have that deviation
    for (const end = at + sizeOf(shape); at < end; at++) values[at] = toStored(mean + reach * random());
  }
  return Buffer.concat([start, json, new Uint8Array(values.buffer)]);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, side) => size * side, 1);
}

/** Numbers in −1 … 1, all equally likely: xorshift32 (Marsaglia 2003). */
function evenNumbers(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of the float16 next towards zero. Below the smallest normal number it is zero: weights have no use for less. */
function toFloat16(value: number): number {
  float[0] = value;
  const exponent = ((bits[0] >>> 23) & 0xff) - 127 + 15;
  if (exponent <= 0) return 0;
  return ((bits[0] >>> 16) & 0x8000) | (exponent << 10) | ((bits[0] >>> 13) & 0x3ff);
}
