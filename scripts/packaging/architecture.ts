/** Debian's names of the boards that there is a package for. */
export const ARCHITECTURES = ['arm64', 'amd64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** What else one of them is called. */
export interface ArchitectureNames {
  /** Of Node's `process.arch`. */
  readonly nodeArch: string;
  /** Of its compiler: `aarch64-linux-gnu-g++`. */
  readonly triplet: string;
  /** Of Debian's package with the compiler, on a machine of another kind. */
  readonly compilerPackage: string;
  /** The file of @serialport/bindings-cpp, made for any Node by its authors. */
  readonly serialportFile: string;
  /** e_machine in the head of an ELF file (System V ABI). */
  readonly elfMachine: number;
}

export const NAMES: Readonly<Record<Architecture, ArchitectureNames>> = {
  arm64: {
    nodeArch: 'arm64',
    triplet: 'aarch64-linux-gnu',
    compilerPackage: 'g++-aarch64-linux-gnu',
    serialportFile: 'linux-arm64/@serialport+bindings-cpp.armv8.glibc.node',
    elfMachine: 183,
  },
  amd64: {
    nodeArch: 'x64',
    triplet: 'x86_64-linux-gnu',
    compilerPackage: 'g++-x86-64-linux-gnu',
    serialportFile: 'linux-x64/@serialport+bindings-cpp.glibc.node',
    elfMachine: 62,
  },
};
