import { readFileSync } from 'node:fs';
import path from 'node:path';
import { endpoints, type Endpoint } from '@atelier/sdk/contracts';
import { beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { describeOwnApi } from '../../backend/src/app.module.js';
import { root } from '../support/repository.js';

interface Operation {
  operationId: string;
  summary: string;
  parameters?: { name: string; in: string }[];
  requestBody?: object;
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

let document: { openapi: string; paths: Record<string, Record<string, Operation>> };
beforeAll(async () => {
  document = JSON.parse(JSON.stringify(await describeOwnApi())) as typeof document;
});

test.each(Object.entries(endpoints as Record<string, Endpoint>))('%s is described as its contract says', (name, endpoint) => {
  const address = endpoint.path.replace(/:(\w+)/g, '{$1}');
  const operation = document.paths[address]?.[endpoint.method.toLowerCase()];
  expect(operation, `${endpoint.method} ${address}`).toMatchObject({ operationId: name, summary: endpoint.summary });
  const named = (kind: string) =>
    (operation.parameters ?? []).filter((parameter) => parameter.in === kind).map((parameter) => parameter.name);
  expect(named('query')).toEqual(fieldsOf(endpoint.query));
  expect(named('path')).toEqual(fieldsOf(endpoint.params));
  expect(operation.requestBody !== undefined).toBe(endpoint.body !== undefined);
  expect(Object.keys(operation.responses)).toEqual([String(endpoint.status ?? 200), 'default']);
  const { id } = endpoint.reply.meta() ?? {};
  if (id)
    expect(operation.responses[endpoint.status ?? 200].content!['application/json'].schema).toEqual({ $ref: `#/components/schemas/${id}` });
});

test('nothing is described that is not in the table, but the bytes of pictures', () => {
  const described = Object.values(document.paths).flatMap((operations) => Object.values(operations).map(({ operationId }) => operationId));
  expect(described.sort()).toEqual([...Object.keys(endpoints), 'getPictureFile', 'getCheckpointPreview'].sort());
});

test('the document is OpenAPI 3.1, and codex/openapi.json is up to date (npm run openapi)', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(JSON.parse(readFileSync(path.join(root, 'codex/openapi.json'), 'utf8'))).toEqual(document);
});

function fieldsOf(schema: z.ZodType | undefined): string[] {
  return schema && 'shape' in schema ? Object.keys(schema.shape as object) : [];
}
