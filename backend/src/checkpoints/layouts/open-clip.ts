import type { StoredTensor } from '@atelier/sdk';
import { rowsOf, type Layout } from './layout.js';

const names: readonly (readonly [openClip: string, ours: string])[] = [
  ['token_embedding.', 'embeddings.token_embedding.'],
  ['ln_final.', 'final_layer_norm.'],
];
const inLayer: Readonly<Record<string, string>> = {
  'ln_1.': 'layer_norm1.',
  'ln_2.': 'layer_norm2.',
  'attn.out_proj.': 'self_attn.out_proj.',
  'mlp.c_fc.': 'mlp.fc1.',
  'mlp.c_proj.': 'mlp.fc2.',
};

/**
 * CLIP as OpenCLIP stores it (SD2's H, SDXL's G): query, key and value are one tensor, of which ours are rows. The projection
 * lies the other way round than in transformers; it keeps OpenCLIP's name `text_projection`, by which graphs tell.
 */
export const openClip: Layout = {
  matches: (tensors) => tensors.has('transformer.resblocks.0.ln_1.weight'),
  rename(tensors) {
    const renamed = new Map<string, StoredTensor>();
    for (const [name, stored] of tensors) {
      const [, layer, rest] = /^transformer\.resblocks\.(\d+)\.(.+)$/.exec(name) ?? [];
      if (layer === undefined) {
        const known = names.find(([theirs]) => name.startsWith(theirs));
        if (known) renamed.set(known[1] + name.slice(known[0].length), stored);
        else renamed.set(name === 'positional_embedding' ? 'embeddings.position_embedding.weight' : name, stored);
        continue;
      }
      const place = `encoder.layers.${layer}.`;
      const [, kind] = /^attn\.in_proj_(weight|bias)$/.exec(rest) ?? [];
      if (kind) {
        const width = stored.shape[0] / 3;
        for (const [i, part] of ['q', 'k', 'v'].entries())
          renamed.set(`${place}self_attn.${part}_proj.${kind}`, rowsOf(stored, i * width, (i + 1) * width));
        continue;
      }
      const [theirs, ours] = Object.entries(inLayer).find(([prefix]) => rest.startsWith(prefix)) ?? ['', ''];
      renamed.set(place + ours + rest.slice(theirs.length), stored);
    }
    return renamed;
  },
};
