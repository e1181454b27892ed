namespace DurableGateway.Runs;

/// <summary>An event as it is kept: what a step that waited for it gets.</summary>
/// <param name="Name">Its name in the store, from its <c>source</c> and <c>id</c>: the same event is taken in once.</param>
/// <param name="Topic">Its <c>type</c> and <c>subject</c>.</param>
/// <param name="ContentType">Of <paramref name="Data"/>.</param>
/// <param name="Data">The payload.</param>
internal sealed record StoredEvent(string Name, Topic Topic, string ContentType, ReadOnlyMemory<byte> Data)
{
    public static string NameOf(string source, string id) => Topic.Hash(source, id);
}
