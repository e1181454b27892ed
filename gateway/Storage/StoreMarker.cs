using System.Text.Json;

namespace DurableGateway.Storage;

/// <summary>
/// A file beside the embedded store's log, written when the store has first stored something. It tells a new store from one that has lost
/// its log.
/// </summary>
internal static class StoreMarker
{
    public const string FileName = "store.json";

    public static bool Exists(string dataDirectory) => File.Exists(PathOf(dataDirectory));

    public static string PathOf(string dataDirectory) => Path.Combine(dataDirectory, FileName);

    /// <summary>Writes it, if it is not there yet.</summary>
    public static void Write(string dataDirectory, DateTimeOffset now)
    {
        if (Exists(dataDirectory)) return;
        var fresh = PathOf(dataDirectory) + ".new";
        using (var file = File.Create(fresh))
        {
            JsonSerializer.Serialize(file, new { id = Guid.NewGuid(), format = StoreKeys.Format, created = now });
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, PathOf(dataDirectory), overwrite: true);
    }
}
