using System.Collections.Immutable;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace DurableGateway.Tests.Architecture;

/// <summary>A type that uses another: in its declaration, in a signature, in a body or in an attribute.</summary>
/// <param name="From">The namespace of the one that uses.</param>
/// <param name="Type">Its name; of a nested type, of a lambda or of an async method the type around it.</param>
/// <param name="To">The namespace of the one that is used.</param>
/// <param name="Used">Its name.</param>
internal sealed record TypeReference(string From, string Type, string To, string Used);

/// <summary>Reads which types use which out of a compiled assembly: what the compiler resolved, whatever the source says.</summary>
internal sealed class TypeReferences
{
    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields()
        .Select(field => field.GetValue(null)).OfType<OpCode>().ToDictionary(code => code.Value);

    private readonly MetadataReader _metadata;
    private readonly PEReader _image;
    private readonly HashSet<TypeReference> _found = [];

    private TypeReferences(PEReader image)
    {
        _image = image;
        _metadata = image.GetMetadataReader();
    }

    public static IReadOnlyCollection<TypeReference> Of(string assembly)
    {
        using var image = new PEReader(File.OpenRead(assembly));
        var reader = new TypeReferences(image);
        reader.ReadAll();
        return reader._found;
    }

    private void ReadAll()
    {
        foreach (var handle in _metadata.TypeDefinitions)
        {
            var from = NameOf(handle);
            var type = _metadata.GetTypeDefinition(handle);
            Add(from, type.BaseType);
            foreach (var implemented in type.GetInterfaceImplementations())
                Add(from, _metadata.GetInterfaceImplementation(implemented).Interface);
            foreach (var parameter in type.GetGenericParameters()) AddConstraints(from, parameter);
            foreach (var attribute in type.GetCustomAttributes()) Add(from, _metadata.GetCustomAttribute(attribute).Constructor);
            foreach (var field in type.GetFields()) AddSignature(from, _metadata.GetFieldDefinition(field).Signature);
            foreach (var method in type.GetMethods()) ReadMethod(from, _metadata.GetMethodDefinition(method));
        }
    }

    private void ReadMethod((string, string) from, MethodDefinition method)
    {
        AddSignature(from, method.Signature);
        foreach (var attribute in method.GetCustomAttributes()) Add(from, _metadata.GetCustomAttribute(attribute).Constructor);
        foreach (var parameter in method.GetGenericParameters()) AddConstraints(from, parameter);
        if (method.RelativeVirtualAddress == 0) return;
        var body = _image.GetMethodBody(method.RelativeVirtualAddress);
        if (!body.LocalSignature.IsNil) AddSignature(from, _metadata.GetStandaloneSignature(body.LocalSignature).Signature);
        foreach (var region in body.ExceptionRegions) Add(from, region.CatchType);
        var il = body.GetILReader();
        while (il.RemainingBytes > 0) ReadInstruction(from, ref il);
    }

    private void ReadInstruction((string, string) from, ref BlobReader il)
    {
        const byte TwoBytes = 0xFE;
        short value = il.ReadByte();
        if (value == TwoBytes) value = (short)(TwoBytes << 8 | il.ReadByte());
        switch (OpCodesByValue[value].OperandType)
        {
            case OperandType.InlineNone:
                break;
            case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                il.Offset += 1;
                break;
            case OperandType.InlineVar:
                il.Offset += 2;
                break;
            case OperandType.InlineI8 or OperandType.InlineR:
                il.Offset += 8;
                break;
            case OperandType.InlineSwitch:
                var targets = il.ReadInt32();
                il.Offset += 4 * targets;
                break;
            case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                Add(from, MetadataTokens.EntityHandle(il.ReadInt32()));
                break;
            default:
                il.Offset += 4;
                break;
        }
    }

    private void AddConstraints((string, string) from, GenericParameterHandle parameter)
    {
        foreach (var constraint in _metadata.GetGenericParameter(parameter).GetConstraints())
            Add(from, _metadata.GetGenericParameterConstraint(constraint).Type);
    }

    private void AddSignature((string, string) from, BlobHandle signature)
    {
        foreach (var type in TypesIn(_metadata.GetBlobReader(signature))) Add(from, type);
    }

    private void Add((string Namespace, string Name) from, EntityHandle handle)
    {
        foreach (var type in TypesIn(handle))
        {
            var (to, used) = type.Kind == HandleKind.TypeDefinition
                ? NameOf((TypeDefinitionHandle)type)
                : NameOf((TypeReferenceHandle)type);
            _found.Add(new TypeReference(from.Namespace, from.Name, to, used));
        }
    }

    private IEnumerable<EntityHandle> TypesIn(EntityHandle handle) => handle.IsNil ? [] : handle.Kind switch
    {
        HandleKind.TypeDefinition or HandleKind.TypeReference => [handle],
        HandleKind.TypeSpecification => TypesInSpecification((TypeSpecificationHandle)handle),
        HandleKind.MethodDefinition => [_metadata.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType()],
        HandleKind.FieldDefinition => [_metadata.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType()],
        HandleKind.MemberReference => TypesInMember(_metadata.GetMemberReference((MemberReferenceHandle)handle)),
        HandleKind.MethodSpecification => TypesInMethod(_metadata.GetMethodSpecification((MethodSpecificationHandle)handle)),
        _ => [],
    };

    private IEnumerable<EntityHandle> TypesInMember(MemberReference member) =>
        [.. TypesIn(member.Parent), .. TypesIn(_metadata.GetBlobReader(member.Signature))];

    private IEnumerable<EntityHandle> TypesInMethod(MethodSpecification method) =>
        [.. TypesIn(method.Method), .. TypesIn(_metadata.GetBlobReader(method.Signature))];

    private List<EntityHandle> TypesInSpecification(TypeSpecificationHandle handle)
    {
        var collector = new Collector();
        var blob = _metadata.GetBlobReader(_metadata.GetTypeSpecification(handle).Signature);
        new SignatureDecoder<object?, object?>(collector, _metadata, null).DecodeType(ref blob);
        return collector.Types;
    }

    private List<EntityHandle> TypesIn(BlobReader blob)
    {
        var collector = new Collector();
        var decoder = new SignatureDecoder<object?, object?>(collector, _metadata, null);
        var kind = blob.ReadSignatureHeader().Kind;
        blob.Reset();
        switch (kind)
        {
            case SignatureKind.Field:
                decoder.DecodeFieldSignature(ref blob);
                break;
            case SignatureKind.LocalVariables:
                decoder.DecodeLocalSignature(ref blob);
                break;
            case SignatureKind.MethodSpecification:
                decoder.DecodeMethodSpecificationSignature(ref blob);
                break;
            default:
                decoder.DecodeMethodSignature(ref blob);
                break;
        }

        return collector.Types;
    }

    /// <summary>What the compiler makes for lambdas, iterators and async methods is nested in the type that they stand in.</summary>
    private (string Namespace, string Name) NameOf(TypeDefinitionHandle handle)
    {
        var type = _metadata.GetTypeDefinition(handle);
        while (type.GetDeclaringType() is { IsNil: false } outer) type = _metadata.GetTypeDefinition(outer);
        return (_metadata.GetString(type.Namespace), _metadata.GetString(type.Name));
    }

    private (string Namespace, string Name) NameOf(TypeReferenceHandle handle)
    {
        var type = _metadata.GetTypeReference(handle);
        while (type.ResolutionScope is { Kind: HandleKind.TypeReference } outer)
            type = _metadata.GetTypeReference((TypeReferenceHandle)outer);
        return (_metadata.GetString(type.Namespace), _metadata.GetString(type.Name));
    }

    /// <summary>Decodes signatures for the sake of the types that they name.</summary>
    private sealed class Collector : ISignatureTypeProvider<object?, object?>
    {
        public List<EntityHandle> Types { get; } = [];

        public object? GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => Take(handle);
        public object? GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => Take(handle);

        public object? GetTypeFromSpecification(
            MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind)
        {
            var blob = reader.GetBlobReader(reader.GetTypeSpecification(handle).Signature);
            return new SignatureDecoder<object?, object?>(this, reader, genericContext).DecodeType(ref blob);
        }

        public object? GetArrayType(object? elementType, ArrayShape shape) => null;
        public object? GetByReferenceType(object? elementType) => null;
        public object? GetFunctionPointerType(MethodSignature<object?> signature) => null;
        public object? GetGenericInstantiation(object? genericType, ImmutableArray<object?> typeArguments) => null;
        public object? GetGenericMethodParameter(object? genericContext, int index) => null;
        public object? GetGenericTypeParameter(object? genericContext, int index) => null;
        public object? GetModifiedType(object? modifier, object? unmodifiedType, bool isRequired) => null;
        public object? GetPinnedType(object? elementType) => null;
        public object? GetPointerType(object? elementType) => null;
        public object? GetPrimitiveType(PrimitiveTypeCode typeCode) => null;
        public object? GetSZArrayType(object? elementType) => null;

        private object? Take(EntityHandle handle)
        {
            Types.Add(handle);
            return null;
        }
    }
}
