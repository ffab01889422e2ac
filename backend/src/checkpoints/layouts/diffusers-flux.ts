import type { StoredTensor, StoredTensors } from '@atelier/sdk';
import { rowsOf, stacked, type Layout } from './layout.js';

const DOUBLE = 'transformer_blocks.';
const SINGLE = 'single_transformer_blocks.';

const outside: Readonly<Record<string, string>> = {
  x_embedder: 'img_in',
  context_embedder: 'txt_in',
  'time_text_embed.timestep_embedder.linear_1': 'time_in.in_layer',
  'time_text_embed.timestep_embedder.linear_2': 'time_in.out_layer',
  'time_text_embed.guidance_embedder.linear_1': 'guidance_in.in_layer',
  'time_text_embed.guidance_embedder.linear_2': 'guidance_in.out_layer',
  'time_text_embed.text_embedder.linear_1': 'vector_in.in_layer',
  'time_text_embed.text_embedder.linear_2': 'vector_in.out_layer',
  proj_out: 'final_layer.linear',
};
const inDouble: Readonly<Record<string, string>> = {
  'norm1.linear': 'img_mod.lin',
  'norm1_context.linear': 'txt_mod.lin',
  'attn.to_out.0': 'img_attn.proj',
  'attn.to_add_out': 'txt_attn.proj',
  'attn.norm_q': 'img_attn.norm.query_norm',
  'attn.norm_k': 'img_attn.norm.key_norm',
  'attn.norm_added_q': 'txt_attn.norm.query_norm',
  'attn.norm_added_k': 'txt_attn.norm.key_norm',
  'ff.net.0.proj': 'img_mlp.0',
  'ff.net.2': 'img_mlp.2',
  'ff_context.net.0.proj': 'txt_mlp.0',
  'ff_context.net.2': 'txt_mlp.2',
};
const inSingle: Readonly<Record<string, string>> = {
  'norm.linear': 'modulation.lin',
  proj_out: 'linear2',
  'attn.norm_q': 'norm.query_norm',
  'attn.norm_k': 'norm.key_norm',
};
/** What ours joins, top to bottom. */
const joinedInDouble: Readonly<Record<string, readonly string[]>> = {
  'img_attn.qkv': ['attn.to_q', 'attn.to_k', 'attn.to_v'],
  'txt_attn.qkv': ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj'],
};
const joinedInSingle: Readonly<Record<string, readonly string[]>> = { linear1: ['attn.to_q', 'attn.to_k', 'attn.to_v', 'proj_mlp'] };

/** Flux as diffusers stores it: projections that ours joins lie apart, and the last modulation has its halves the other way round. */
export const diffusersFlux: Layout = {
  matches: (tensors) => tensors.has('x_embedder.weight') && tensors.has(`${SINGLE}0.attn.to_q.weight`),
  rename(tensors) {
    const renamed = new Map<string, StoredTensor>();
    const taken = new Set<string>();
    const take = (theirs: string, ours: string) => {
      for (const kind of ['weight', 'bias']) {
        const stored = tensors.get(`${theirs}.${kind}`);
        if (!stored) continue;
        taken.add(`${theirs}.${kind}`);
        renamed.set(`${ours}.${/norm\.(query|key)_norm$/.test(ours) ? 'scale' : kind}`, stored);
      }
    };
    const join = (theirs: readonly string[], ours: string) => {
      for (const kind of ['weight', 'bias']) {
        const parts = theirs.map((name) => tensors.get(`${name}.${kind}`)).filter((part) => part !== undefined);
        if (parts.length < theirs.length) continue; // whoever needs it says that it is missing
        for (const name of theirs) taken.add(`${name}.${kind}`);
        renamed.set(`${ours}.${kind}`, stacked(`${ours}.${kind}`, parts));
      }
    };
    for (const [theirs, ours] of Object.entries(outside)) take(theirs, ours);
    for (const [from, to, alone, joined] of [
      [DOUBLE, 'double_blocks.', inDouble, joinedInDouble],
      [SINGLE, 'single_blocks.', inSingle, joinedInSingle],
    ] as const) {
      for (const block of blocksOf(tensors, from)) {
        for (const [theirs, ours] of Object.entries(alone)) take(`${from}${block}.${theirs}`, `${to}${block}.${ours}`);
        for (const [ours, theirs] of Object.entries(joined)) {
          join(
            theirs.map((name) => `${from}${block}.${name}`),
            `${to}${block}.${ours}`,
          );
        }
      }
    }
    for (const kind of ['weight', 'bias']) {
      const stored = tensors.get(`norm_out.linear.${kind}`);
      if (!stored) continue;
      taken.add(`norm_out.linear.${kind}`);
      const [rows] = stored.shape;
      const name = `final_layer.adaLN_modulation.1.${kind}`;
      renamed.set(name, stacked(name, [rowsOf(stored, rows / 2, rows), rowsOf(stored, 0, rows / 2)]));
    }
    for (const [name, stored] of tensors) if (!taken.has(name)) renamed.set(name, stored);
    return renamed;
  },
};

/** Numbers of the blocks whose names begin like that. */
function blocksOf(tensors: StoredTensors, prefix: string): Set<string> {
  const own = [...tensors.keys()].filter((name) => name.startsWith(prefix));
  return new Set(own.map((name) => name.slice(prefix.length, name.indexOf('.', prefix.length))));
}
