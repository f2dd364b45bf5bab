"""The one place for names that are private to the CDK or to what it uses, and for what replaces parts of them.

A name without a leading underscore is a promise of the CDK; any other may change in a release. The tests hold the rest
of the package to public names, and hold each private name that is used here to what the installed CDK has.

What it is for: pages go to stdout whole, where the CDK takes each record through its queue (`page`, `page_reading`,
`cursor_tracking`, `page_queue`); requests are copies of earlier ones, and the CDK sends what does not succeed at once
(`first_attempt`, `http_session`); a pool of one thread (`one_thread_pool`); half of the CDK's import (`light_import`,
`deferred_modules`, `deferred_models`, `lazy_serializer`, `unvalidated_manifest`).
"""
