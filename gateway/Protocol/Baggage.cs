namespace DurableGateway.Protocol;

/// <summary>The member of the gateway in <c>baggage</c> (W3C Baggage), and in its predecessor <c>Correlation-Context</c>.</summary>
internal static class Baggage
{
    public const string Key = "durable.run";

    private const int MaxLength = 8192;

    /// <summary>The value of the gateway's member; <see langword="null"/> if there is none.</summary>
    public static string? Find(string field) =>
        Members(field).FirstOrDefault(IsOwn) is { } member
            ? member[(member.IndexOf('=', StringComparison.Ordinal) + 1)..].Split(';')[0].Trim()
            : null;

    /// <summary>Removes the gateway's member. Other members stay as they are.</summary>
    public static string Remove(string field) =>
        Members(field).Any(IsOwn) ? string.Join(',', Members(field).Where(member => !IsOwn(member))) : field;

    /// <summary>Puts the gateway's member first, and leaves out the last ones if the limit requires it.</summary>
    public static string Put(string field, string value)
    {
        List<string> members = [$"{Key}={value}", .. Members(field).Where(member => !IsOwn(member))];
        while (members.Count > 1 && members.Sum(member => member.Length + 1) - 1 > MaxLength) members.RemoveAt(members.Count - 1);
        return string.Join(',', members);
    }

    private static string[] Members(string field) =>
        field.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static bool IsOwn(string member) =>
        member.StartsWith(Key, StringComparison.OrdinalIgnoreCase) && member.AsSpan(Key.Length).TrimStart() is [] or ['=', ..] or [';', ..];
}
