import type { Scheduler } from '@atelier/sdk';
import { automatic } from './automatic.js';
import { exponential } from './exponential.js';
import { karras } from './karras.js';
import { normal } from './normal.js';
import { simple } from './simple.js';
import { uniform } from './uniform.js';

/** The schedules of the core, in the order in which people see them. */
export const schedulers: readonly Scheduler[] = [automatic, uniform, karras, exponential, simple, normal];
