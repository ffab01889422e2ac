export * from '@atelier/sdk/ui';
