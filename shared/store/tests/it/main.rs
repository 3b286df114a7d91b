//! The store against the embedded services, which is the code path that runs everywhere.

mod events;
mod lists;
mod objects;
mod resources;
mod throttle;

use std::future::Future;

/// Callers run the store in tasks of a runtime with several threads. Never called: that it compiles is
/// the test.
#[allow(dead_code)]
fn every_call_can_be_spawned(
    resources: &store::Resources,
    lists: &store::Lists,
    events: &store::Events,
    objects: &store::Objects,
    arn: &domain::Arn,
    shelf: store::Shelf<'_>,
    at: &store::S3Location,
) {
    fn is_send<T>(_: impl Future<Output = T> + Send) {}
    is_send(resources.update(arn, |_: &mut domain::resource::Schema| Ok::<_, std::io::Error>(())));
    is_send(resources.list(domain::ResourceKind::Schema, None, 1, None));
    is_send(resources.unfinished());
    is_send(lists.get(shelf, arn, &store::ListKey::Cold));
    is_send(lists.get_latest(shelf, arn, &store::ListKey::Cold));
    is_send(lists.publish(shelf, arn, futures::stream::iter(Vec::new()), |_| {}));
    is_send(lists.delete(shelf));
    is_send(events.of(arn, "1"));
    is_send(events.all(arn));
    is_send(events.tie(arn, "s", "u"));
    is_send(objects.get(at));
    is_send(objects.open(at));
    is_send(objects.open_range(at, "etag", 0..1));
    is_send(objects.list("bucket", "prefix"));
    is_send(objects.put_if_absent(at, "content"));
    is_send(objects.delete_prefix(at));
}
