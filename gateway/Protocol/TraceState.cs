using System.Buffers;

namespace DurableGateway.Protocol;

/// <summary>The member of the gateway in <c>tracestate</c> (W3C Trace Context, §3.3).</summary>
internal static class TraceState
{
    public const string Key = "durable";

    private const int MaxMembers = 32;
    private const int MaxLength = 512;

    /// <summary>The length from which members are dropped first (§3.3.1.5).</summary>
    private const int LongMember = 128;

    private static readonly SearchValues<char> KeyCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-*/@");

    /// <summary>The value of the gateway's member; <see langword="null"/> if there is none.</summary>
    public static string? Find(string field) =>
        Members(field).FirstOrDefault(IsOwn) is { } member ? member[(member.IndexOf('=', StringComparison.Ordinal) + 1)..] : null;

    /// <summary>Removes the gateway's member. Other members stay as they are.</summary>
    public static string Remove(string field) =>
        Members(field).Any(IsOwn) ? string.Join(',', Members(field).Where(member => !IsOwn(member))) : field;

    /// <summary>
    /// Puts the gateway's member first, and leaves out others until the limits hold: malformed ones, long ones, and then the last ones,
    /// which are the oldest.
    /// </summary>
    public static string Put(string field, string value)
    {
        var own = $"{Key}={value}";
        var others = Members(field).Where(member => !IsOwn(member) && IsWellFormed(member)).Take(MaxMembers - 1).ToList();
        while (others.Count > 0 && own.Length + others.Sum(member => member.Length + 1) > MaxLength)
        {
            var longOne = others.FindLastIndex(member => member.Length > LongMember);
            others.RemoveAt(longOne >= 0 ? longOne : others.Count - 1);
        }

        return string.Join(',', [own, .. others]);
    }

    private static string[] Members(string field) =>
        field.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static bool IsOwn(string member) =>
        member.StartsWith(Key + "=", StringComparison.OrdinalIgnoreCase) || member.Equals(Key, StringComparison.OrdinalIgnoreCase);

    private static bool IsWellFormed(string member)
    {
        var end = member.IndexOf('=', StringComparison.Ordinal);
        return end is > 0 and <= 256
            && member.AsSpan(0, end).IndexOfAnyExcept(KeyCharacters) < 0
            && member.Length - end - 1 is > 0 and <= 256
            && member.AsSpan(end + 1).IndexOfAnyExceptInRange(' ', '~') < 0
            && !member.AsSpan(end + 1).Contains('=');
    }
}
