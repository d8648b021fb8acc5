/** What the application, or its rules, ask of the engine apart from security; and what is wrong with an engine that lacks it. */
export const NEEDS = {
  devices: { title: "list a user's sessions (a page of devices), and end one of them", lacking: 'no list of devices' },
  'revoke-all': { title: 'end all sessions of a user ("log out everywhere")', lacking: 'no "log out everywhere"' },
  merge: {
    title: 'keep the changes of requests that run at the same time',
    lacking: 'of two changes at the same time, the later one wins',
  },
  'operators-read': {
    title: 'operators must be able to read the data of sessions, with the secrets',
    lacking: 'operators cannot read sessions',
  },
  'nothing-on-disk': { title: 'nothing about sessions is written to a disk', lacking: 'it writes to a disk' },
  'no-data-on-server': {
    title: 'no data of sessions is stored on the server; hashes may be',
    lacking: 'it has the data of sessions on the server',
  },
  'nothing-stored': { title: 'nothing at all is stored on the server', lacking: 'it stores something on the server' },
  'no-database': {
    title: 'no database, not even SQLite: files that cp and rsync understand',
    lacking: 'it is a database, or needs one',
  },
  'readable-cookie': {
    title: "developers read the session in the browser's tools",
    lacking: 'its cookie cannot be read',
  },
} as const satisfies Record<string, { readonly title: string; readonly lacking: string }>
/** Something that an application does with its sessions. */
export type Need = keyof typeof NEEDS
