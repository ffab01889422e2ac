import type { Provider } from '@atelier/sdk/contracts';

const cuda = 'ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js';

/** What to do so that a provider works, for people; on a system for which there is none, that says so. */
export function installStep(provider: Provider, system: NodeJS.Platform = process.platform): string {
  switch (provider) {
    case 'cpu':
      return 'It is part of every installation: run "npm ci" again.';
    case 'webgpu':
      return webgpuStep(system);
    case 'cuda':
    case 'tensorrt': {
      if (system === 'win32') return 'The runtime for Node has no CUDA on Windows: take dml or webgpu.';
      if (system !== 'linux') return 'It exists for NVIDIA cards on Linux.';
      const libraries = provider === 'cuda' ? 'CUDA 12 and cuDNN 9' : 'CUDA 12, cuDNN 9 and TensorRT 10';
      return `Run "${cuda}", and install ${libraries} beside the driver of the card.`;
    }
    case 'dml':
      return system === 'win32' ? 'Update Windows and the driver of the graphics card (Direct3D 12).' : 'It exists on Windows only.';
    case 'coreml':
      return system === 'darwin' ? 'It needs a Mac with Apple silicon.' : 'It exists on macOS only.';
  }
}

function webgpuStep(system: NodeJS.Platform): string {
  if (system === 'win32') return 'Update the driver of the graphics card (Direct3D 12 or Vulkan).';
  if (system === 'darwin') return 'It needs a Mac with Apple silicon.';
  return "Install the Vulkan loader and the graphics card's Vulkan driver (Debian and Ubuntu: libvulkan1, with mesa-vulkan-drivers or NVIDIA's own).";
}
