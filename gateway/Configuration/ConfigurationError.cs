namespace DurableGateway.Configuration;

/// <summary>One thing that is wrong in the configuration: which key, which value, and what would be right.</summary>
internal readonly record struct ConfigurationError(string Key, string? Value, string Remedy)
{
    public override string ToString() => Value is null ? $"{Key}: {Remedy}{End}" : $"{Key}: '{Value}' {Remedy}{End}";

    private string End => Remedy.EndsWith('?') ? "" : ".";
}
