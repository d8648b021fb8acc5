export {
  asUser,
  freePort,
  isRoot,
  runOnce,
  type Server,
  startDaemon,
} from '../../packages/cli/src/lab/servers/daemon.ts'
