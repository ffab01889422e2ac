import type { Layout } from './layout.js';
import { numbersIn, Renaming } from './renaming.js';

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

/** Blocks of one kind: what only changes its name, norms (whose one tensor is a scale), and what ours joins, top to bottom. */
interface Block {
  alone: Readonly<Record<string, string>>;
  norms: Readonly<Record<string, string>>;
  joined: Readonly<Record<string, readonly string[]>>;
}
const double: Block = {
  alone: {
    'norm1.linear': 'img_mod.lin',
    'norm1_context.linear': 'txt_mod.lin',
    'attn.to_out.0': 'img_attn.proj',
    'attn.to_add_out': 'txt_attn.proj',
    'ff.net.0.proj': 'img_mlp.0',
    'ff.net.2': 'img_mlp.2',
    'ff_context.net.0.proj': 'txt_mlp.0',
    'ff_context.net.2': 'txt_mlp.2',
  },
  norms: {
    'attn.norm_q': 'img_attn.norm.query_norm',
    'attn.norm_k': 'img_attn.norm.key_norm',
    'attn.norm_added_q': 'txt_attn.norm.query_norm',
    'attn.norm_added_k': 'txt_attn.norm.key_norm',
  },
  joined: {
    'img_attn.qkv': ['attn.to_q', 'attn.to_k', 'attn.to_v'],
    'txt_attn.qkv': ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj'],
  },
};
const single: Block = {
  alone: { 'norm.linear': 'modulation.lin', proj_out: 'linear2' },
  norms: { 'attn.norm_q': 'norm.query_norm', 'attn.norm_k': 'norm.key_norm' },
  joined: { linear1: ['attn.to_q', 'attn.to_k', 'attn.to_v', 'proj_mlp'] },
};
const blocks = [
  ['transformer_blocks', 'double_blocks', double],
  ['single_transformer_blocks', 'single_blocks', single],
] as const;

/** Flux as diffusers stores it: projections that ours joins lie apart, and the last modulation has its halves the other way round. */
export const diffusersFlux: Layout = {
  matches: (tensors) => tensors.has('x_embedder.weight') && tensors.has('single_transformer_blocks.0.attn.to_q.weight'),
  rename(tensors) {
    const renaming = new Renaming(tensors);
    for (const [theirs, ours] of Object.entries(outside)) renaming.take(theirs, ours);
    for (const [from, to, { alone, norms, joined }] of blocks) {
      for (const block of numbersIn(tensors, from)) {
        const [theirBlock, ourBlock] = [`${from}.${block}.`, `${to}.${block}.`];
        for (const [theirs, ours] of Object.entries(alone)) renaming.take(theirBlock + theirs, ourBlock + ours);
        for (const [theirs, ours] of Object.entries(norms))
          renaming.takeTensor(`${theirBlock}${theirs}.weight`, `${ourBlock}${ours}.scale`);
        for (const [ours, theirs] of Object.entries(joined)) {
          renaming.join(
            theirs.map((name) => theirBlock + name),
            ourBlock + ours,
          );
        }
      }
    }
    renaming.takeWithHalvesSwapped('norm_out.linear', 'final_layer.adaLN_modulation.1');
    return renaming.finish();
  },
};
