import { createRequire } from 'node:module';
import path from 'node:path';
import type { INestApplication } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { endpoints, ErrorReply } from '@atelier/sdk/contracts';
import express, { Router } from 'express';
import { documented } from './endpoint.decorator.js';
import { version } from '../version.js';

/** The description of the API at `/api/openapi.json`, and a page to browse it at `/api/docs`, all from this machine. */
export function apiDocs(app: INestApplication): Router {
  const router = Router();
  let document: Promise<OpenAPIObject> | undefined;
  router.get('/api/openapi.json', async (_request, response) => {
    response.json(await (document ??= describeApi(app)));
  });
  router.get('/api/docs', (request, response, next) => (request.path.endsWith('/') ? next() : response.redirect('/api/docs/')));
  router.get('/api/docs/', (_request, response) => void response.type('html').send(docsPage));
  router.get('/api/docs/start.js', (_request, response) => void response.type('js').send(docsStart));
  router.use('/api/docs', express.static(swaggerUiFolder(), { index: false }));
  return router;
}

/**
 * The OpenAPI 3.1 document of `/api`, from the same contracts that check requests and replies.
 * `@nestjs/swagger` takes a moment to load, so it is loaded when someone first asks.
 */
export async function describeApi(app: INestApplication): Promise<OpenAPIObject> {
  const { ApiDefaultResponse, ApiOperation, ApiResponse, DocumentBuilder, SwaggerModule } = await import('@nestjs/swagger');
  for (const { prototype, method, endpoint } of documented) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, method)!;
    const [operationId] = Object.entries(endpoints).find(([, candidate]) => candidate === endpoint)!;
    ApiOperation({ summary: endpoint.summary, operationId })(prototype, method, descriptor);
    ApiResponse({ status: endpoint.status ?? 200, description: 'As asked.', standardSchema: endpoint.reply })(
      prototype,
      method,
      descriptor,
    );
    ApiDefaultResponse({ description: 'What went wrong.', standardSchema: ErrorReply })(prototype, method, descriptor);
  }
  const config = new DocumentBuilder().setTitle('Atelier').setVersion(version).setOpenAPIVersion('3.1.0').build();
  const document = SwaggerModule.createDocument(app, config);
  document.paths['/api/pictures/{id}/file'].get = pictureFile;
  document.paths['/api/checkpoints/preview'].get = checkpointPreview;
  // A1111's dialect has its own description: A1111's
  document.paths = Object.fromEntries(Object.entries(document.paths).filter(([address]) => address.startsWith('/api/')));
  return document;
}

type Operation = OpenAPIObject['paths'][string]['get'];

/** The addresses below `/api` that do not speak JSON, and so are not in the table of endpoints. */
const pictureFile: Operation = {
  operationId: 'getPictureFile',
  summary: 'The bytes of a finished picture. They never change under this address.',
  parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
  responses: picture('image/png'),
};
const checkpointPreview: Operation = {
  operationId: 'getCheckpointPreview',
  summary: 'The picture that lies beside a checkpoint, made small. The catalogue has its address.',
  parameters: [{ name: 'name', in: 'query', required: true, schema: { type: 'string' } }],
  responses: picture('image/webp'),
};

function picture(type: string): NonNullable<Operation>['responses'] {
  return {
    '200': { description: 'The picture.', content: { [type]: {} } },
    default: { description: 'What went wrong.', content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorReply' } } } },
  };
}

function swaggerUiFolder(): string {
  const swagger = createRequire(import.meta.url).resolve('@nestjs/swagger/package.json');
  return path.dirname(createRequire(swagger).resolve('swagger-ui-dist/package.json'));
}

const docsPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<title>Atelier API</title>
<link rel="stylesheet" href="swagger-ui.css" />
<div id="api"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</html>
`;
const docsStart = `SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#api', deepLinking: true });\n`;
