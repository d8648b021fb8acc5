// Stands for the adapter in what is built for browsers, by the field "browser" of package.json. It has nothing to import, so that the
// build of a client component that imports the adapter fails, and names that component and this file.
export {}
