using System.Security.Cryptography;
using System.Text;

namespace DurableGateway.Storage;

/// <summary>A Lua script with its included files and the declarations of its header.</summary>
/// <param name="Name">The name of its file, without the extension.</param>
/// <param name="Text">The text that is sent to the store.</param>
/// <param name="Keys">Its keys, in the order of <c>KEYS</c>.</param>
/// <param name="Arguments">Its arguments, in the order of <c>ARGV</c>.</param>
internal sealed record Script(string Name, string Text, IReadOnlyList<ScriptKey> Keys, IReadOnlyList<ScriptArgument> Arguments)
{
    /// <summary>Whether a list of keys follows <see cref="Keys"/>.</summary>
    public bool HasMoreKeys { get; init; }

    private readonly Dictionary<string, int> _places = Arguments.Select((argument, place) => (argument.Name, place))
        .ToDictionary(argument => argument.Name, argument => argument.place);

    /// <summary>By which the store knows the script once it has seen the text.</summary>
    public byte[] Hash { get; } = HashOf(Text);

    /// <exception cref="ArgumentException">The script does not declare such a key.</exception>
    public int PlaceOf(ScriptKey key)
    {
        for (var i = 0; i < Keys.Count; i++)
        {
            if (Keys[i] == key) return i;
        }

        throw new ArgumentException($"The script '{Name}' does not declare the key {key}.", nameof(key));
    }

    /// <exception cref="ArgumentException">The script does not declare such an argument.</exception>
    public int PlaceOf(string argument) => _places.TryGetValue(argument, out var place)
        ? place
        : throw new ArgumentException($"The script '{Name}' does not declare the argument '{argument}'.", nameof(argument));

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "EVALSHA is defined with SHA-1.")]
    private static byte[] HashOf(string text) => SHA1.HashData(Encoding.UTF8.GetBytes(text));
}
