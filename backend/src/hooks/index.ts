export { createBus, type Bus, type Points } from './bus.js';
export { ExtensionFault } from './extension-fault.js';
export { hookNames, kindOf, type HookKind } from './hook-names.js';
export type { Collected, Collection } from './registry.js';
export type { FaultNotice, JobLog, PendingTap } from './tap-log.js';
export { HookOrderCycle, type OpenAnchor } from './tap-order.js';
export type { Visit } from './visit.js';
