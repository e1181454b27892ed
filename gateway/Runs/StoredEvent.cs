namespace DurableGateway.Runs;

/// <summary>A stored event, as a waiting step gets it.</summary>
/// <param name="Name">Its name in the store, from its <c>source</c> and <c>id</c>. The same event is stored once.</param>
/// <param name="Topic">Its <c>type</c> and <c>subject</c>.</param>
/// <param name="ContentType">The content type of <paramref name="Data"/>.</param>
/// <param name="Data">The payload.</param>
internal sealed record StoredEvent(string Name, Topic Topic, string ContentType, ReadOnlyMemory<byte> Data)
{
    public static string NameOf(string source, string id) => Topic.Hash(source, id);
}
