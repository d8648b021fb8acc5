// Stands for the adapter in what is built for browsers, by the field "browser" of package.json: Next then says which client component
// has imported it. Nothing else may load this file, because the package is Next's own.
// @ts-expect-error: installed nowhere, and known to every build of Next
import 'server-only'
