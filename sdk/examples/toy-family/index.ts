import { encodingOf, epsNoise, GraphBuilder, Layer, sdLatent, timeEmbedding, viewOf } from '@atelier/backend/model-families';
import { defineExtension, type Component, type GraphOptions, type ModelFamily } from '@atelier/sdk';

/** Two convolutions, and between them what the text and the time have to say: the least that is a diffusion model. */
const toy: ModelFamily = {
  id: 'toy',
  label: 'Toy',
  // all must hold for a file to be ours; the words complete "it …" when it is told which kind a strange file is most like
  signature: [
    { says: 'has a first and a last convolution', holds: ({ has }) => has('toy.first.weight') && has('toy.last.weight') },
    { says: `works on ${sdLatent.channels} channels`, holds: ({ shape }) => shape('toy.first.weight')?.[1] === sdLatent.channels },
  ],
  async traits() {
    return {
      label: 'Toy',
      noise: epsNoise,
      latent: sdLatent,
      textEncoders: [{ kind: 'clip-l', layer: (clipSkip) => clipSkip, finalNorm: true, pooled: 'none', fill: 49407 }],
      takesGuidance: false,
      recommended: { width: 256, height: 256 },
    };
  },
  graph: toyGraph,
  condition: (encoded) => ({ context: encodingOf(encoded, 'clip-l').hidden }),
};

/** Weights stay in their file: a layer's methods name them by its path. */
function toyGraph(model: Component, { arithmetic, mostPieces }: GraphOptions) {
  const graph = new GraphBuilder('toy', arithmetic);
  const layers = new Layer(graph, model, 'toy');
  const [width, channels] = viewOf(model).shape('toy.first.weight')!;
  const x = graph.input('x', 'float32', ['batch', channels, 'height', 'width']);
  const timesteps = graph.exactInput('timesteps', ['batch']); // in half precision, too, time stays exact
  const context = graph.input('context', 'float32', ['batch', 'tokens', viewOf(model).shape('toy.text.weight')![1]]);

  const meaning = graph.node('ReduceMean', [context, graph.constant('int64', [1])], { keepdims: 0 }, 'toy.text');
  const told = graph.add(timeEmbedding(layers.at('time'), timesteps, width), layers.at('text').linear(meaning), 'toy');
  const seen = graph.add(layers.at('first').conv(x), graph.reshape(told, [0, 0, 1, 1], 'toy'), 'toy');
  graph.yieldPoint(); // here Cancel can act
  graph.output('prediction', layers.at('last').conv(graph.silu(seen, 'toy')), ['batch', channels, 'height', 'width']);
  return graph.finish({ mostPieces });
}

export default defineExtension({ modelFamilies: [toy] });
