import type { Sampler } from '@atelier/sdk';
import { ddim } from './ddim.js';
import { dpmpp2m } from './dpmpp-2m.js';
import { eulerAncestral } from './euler-ancestral.js';
import { euler } from './euler.js';
import { heun } from './heun.js';

/** The samplers of the core, in the order in which people see them. */
export const samplers: readonly Sampler[] = [dpmpp2m, eulerAncestral, euler, heun, ddim];
