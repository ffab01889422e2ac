import { detectFamily } from '../checkpoints/detect-family.js';
import type { Checkpoint } from '../checkpoints/safetensors-header.js';
import type { ModelFamily } from './model-family.js';
import { sd15 } from './sd15/family.js';

const families: ReadonlyMap<string, ModelFamily> = new Map([sd15].map((family) => [family.id, family]));

/** The family that runs this checkpoint. Throws, naming what the file is, when there is none. */
export function familyOf(checkpoint: Checkpoint): ModelFamily {
  const id = detectFamily(checkpoint);
  const family = families.get(id);
  if (!family)
    throw new Error(`Family "${id}" is marked as built in checkpoints/detect-family.ts and missing in model-families/families.ts.`);
  return family;
}
