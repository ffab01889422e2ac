import { defineScheduler } from '@atelier/sdk';
import { uniform } from './uniform.js';

/** "What suits the sampler": its default schedule, see `effectiveScheduler`. For samplers without one it is Uniform. */
export const automatic = defineScheduler({ ...uniform, id: 'automatic', label: 'Automatic' });
