export { ExtensionHost, type ExtensionHostOptions } from './extension-host.js';
