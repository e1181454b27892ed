using System.Text.Json;

namespace DurableGateway.Storage;

/// <summary>
/// A file beside the embedded store's log, written when the store has first stored something. It tells a new store from one that has lost
/// its log. It also has a copy of the key that was generated into the store, which lies at the beginning of the log: without it, all that
/// is whole behind a damaged beginning could not be read.
/// </summary>
internal sealed record StoreMarker(Guid Id, int Format, DateTimeOffset Created, byte[]? Key)
{
    public const string FileName = "store.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static bool Exists(string dataDirectory) => File.Exists(PathOf(dataDirectory));

    public static string PathOf(string dataDirectory) => Path.Combine(dataDirectory, FileName);

    /// <summary>The generated key, if there is one.</summary>
    public static byte[]? KeyOf(string dataDirectory) => Read(dataDirectory)?.Key;

    /// <summary>Writes it, if it is not there yet, or has another key.</summary>
    public static void Write(string dataDirectory, byte[]? key, DateTimeOffset now)
    {
        var old = Read(dataDirectory);
        if (old is not null && (key is null || key.AsSpan().SequenceEqual(old.Key))) return;
        var marker = (old ?? new StoreMarker(Guid.NewGuid(), StoreKeys.Format, now, null)) with { Key = key };
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var fresh = PathOf(dataDirectory) + ".new";
        using (var file = new FileStream(fresh, options))
        {
            JsonSerializer.Serialize(file, marker, Json);
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, PathOf(dataDirectory), overwrite: true);
    }

    /// <summary>One that is damaged itself is written anew.</summary>
    private static StoreMarker? Read(string dataDirectory)
    {
        try
        {
            return Exists(dataDirectory) ? JsonSerializer.Deserialize<StoreMarker>(File.ReadAllBytes(PathOf(dataDirectory)), Json) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
