import type { Layout } from './layout.js';
import { numbersIn, Renaming } from './renaming.js';

const outside: Readonly<Record<string, string>> = {
  'pos_embed.proj': 'x_embedder.proj',
  context_embedder: 'context_embedder',
  'time_text_embed.timestep_embedder.linear_1': 't_embedder.mlp.0',
  'time_text_embed.timestep_embedder.linear_2': 't_embedder.mlp.2',
  'time_text_embed.text_embedder.linear_1': 'y_embedder.mlp.0',
  'time_text_embed.text_embedder.linear_2': 'y_embedder.mlp.2',
  proj_out: 'final_layer.linear',
};
const inBlock: Readonly<Record<string, string>> = {
  'norm1.linear': 'x_block.adaLN_modulation.1',
  'attn.to_out.0': 'x_block.attn.proj',
  'attn.to_add_out': 'context_block.attn.proj',
  'attn.norm_q': 'x_block.attn.ln_q',
  'attn.norm_k': 'x_block.attn.ln_k',
  'attn.norm_added_q': 'context_block.attn.ln_q',
  'attn.norm_added_k': 'context_block.attn.ln_k',
  'attn2.to_out.0': 'x_block.attn2.proj',
  'attn2.norm_q': 'x_block.attn2.ln_q',
  'attn2.norm_k': 'x_block.attn2.ln_k',
  'ff.net.0.proj': 'x_block.mlp.fc1',
  'ff.net.2': 'x_block.mlp.fc2',
  'ff_context.net.0.proj': 'context_block.mlp.fc1',
  'ff_context.net.2': 'context_block.mlp.fc2',
};
/** What ours joins, top to bottom. */
const joined: Readonly<Record<string, readonly string[]>> = {
  'x_block.attn.qkv': ['attn.to_q', 'attn.to_k', 'attn.to_v'],
  'context_block.attn.qkv': ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj'],
  'x_block.attn2.qkv': ['attn2.to_q', 'attn2.to_k', 'attn2.to_v'],
};

/**
 * SD3 as diffusers stores it: query, key and value lie apart, and where a modulation only shifts and scales (that of the text in the last
 * block, and the one before the end) its halves are the other way round.
 */
export const diffusersSd3: Layout = {
  matches: (tensors) => tensors.has('pos_embed.proj.weight') && tensors.has('transformer_blocks.0.attn.add_q_proj.weight'),
  rename(tensors) {
    const renaming = new Renaming(tensors);
    for (const [theirs, ours] of Object.entries(outside)) renaming.take(theirs, ours);
    renaming.takeTensor('pos_embed.pos_embed', 'pos_embed');
    const blocks = numbersIn(tensors, 'transformer_blocks');
    for (const block of blocks) {
      const [theirBlock, ourBlock] = [`transformer_blocks.${block}.`, `joint_blocks.${block}.`];
      for (const [theirs, ours] of Object.entries(inBlock)) renaming.take(theirBlock + theirs, ourBlock + ours);
      for (const [ours, theirs] of Object.entries(joined)) {
        renaming.join(
          theirs.map((name) => theirBlock + name),
          ourBlock + ours,
        );
      }
      const ofText = [`${theirBlock}norm1_context.linear`, `${ourBlock}context_block.adaLN_modulation.1`] as const;
      if (block === blocks.at(-1)) renaming.takeWithHalvesSwapped(...ofText);
      else renaming.take(...ofText);
    }
    renaming.takeWithHalvesSwapped('norm_out.linear', 'final_layer.adaLN_modulation.1');
    return renaming.finish();
  },
};
