export { createBus, type Bus, type Points } from './bus.js';
export { ExtensionFault } from './extension-fault.js';
export { hookNames, kindOf } from './hook-names.js';
export type { Collected, Collection } from './registry.js';
export type { FaultNotice } from './tap-log.js';
export { HookOrderCycle } from './tap-order.js';
export type { Visit } from './visit.js';
