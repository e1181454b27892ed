using System.Security.Cryptography;

namespace DurableGateway.Protocol;

/// <summary>
/// Random bytes of the system's own generator, fetched by the page and handed out by the few: to ask the system takes longer than all
/// else that an id takes.
/// </summary>
internal static class RandomBytes
{
    private const int PageBytes = 1024;

    [ThreadStatic]
    private static byte[]? _page;

    [ThreadStatic]
    private static int _used;

    /// <param name="destination">At most a page of bytes. They are handed out once, and are then nowhere else.</param>
    public static void Fill(Span<byte> destination)
    {
        var page = _page ??= new byte[PageBytes];
        if (_used == 0 || _used + destination.Length > page.Length)
        {
            RandomNumberGenerator.Fill(page);
            _used = 0;
        }

        var taken = page.AsSpan(_used, destination.Length);
        taken.CopyTo(destination);
        taken.Clear();
        _used += destination.Length;
    }
}
